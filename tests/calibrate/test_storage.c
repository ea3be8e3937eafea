/* Where weights lie: slower paths are slower, several GPUs load faster and are graded lower, an unknown path is told. */
#include "calibrate/profile/storage.h"
#include <math.h>
#include "tests/check.h"

static struct kw_error err;

static double median(const char *path, uint32_t gpus)
{
    struct kw_law l;
    CHECK(kw_storage_law(&l, path, gpus, &err) == KW_OK);
    return kw_law_quantile(&l, 0.5);
}

static void paths_are_in_their_order(void)
{
    CHECK(median("network_disk", 1) < median("object_store", 1));
    CHECK(median("object_store", 1) < median("node_nvme", 1));
    CHECK(median("node_nvme", 1) < median("page_cache", 1));
    CHECK_NEAR(median("node_nvme", 1), 3.486e9, 1e6);
}

/* From the slowest of those it may be to the fastest that is not memory. */
static void what_nobody_says_is_as_wide_as_what_it_may_be(void)
{
    struct kw_law unknown, disk, node;
    CHECK(kw_storage_law(&unknown, KW_STORAGE_UNKNOWN, 1, &err) == KW_OK);
    CHECK(kw_storage_law(&disk, "network_disk", 1, &err) == KW_OK);
    CHECK(kw_storage_law(&node, KW_STORAGE_NODE, 1, &err) == KW_OK);
    CHECK(kw_law_quantile(&unknown, 0.05) == kw_law_quantile(&disk, 0.25));
    CHECK(kw_law_quantile(&unknown, 0.95) == kw_law_quantile(&node, 0.5));
    CHECK(unknown.provenance.grade == KW_GRADE_ESTIMATED && node.provenance.grade == KW_GRADE_PUBLISHED);
}

static void several_gpus_load_faster_by_the_one_pair_there_is(void)
{
    struct kw_law eight;
    CHECK_NEAR(median("node_nvme", 8) / median("node_nvme", 1), 4.3 / 1.07, 0.01); /* InstantTensor's own ratio */
    CHECK_NEAR(median("page_cache", 8) / median("page_cache", 1), 30.5 / 4.81, 0.02);
    CHECK(kw_storage_law(&eight, "node_nvme", 8, &err) == KW_OK);
    CHECK(eight.provenance.grade == KW_GRADE_ESTIMATED);
    CHECK(strstr(eight.provenance.source, "ServerlessLLM") && strstr(eight.provenance.source, "several GPUs"));
}

static void an_unknown_path_is_told_with_those_there_are(void)
{
    struct kw_law l;
    CHECK(kw_storage_law(&l, "tape", 1, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "'tape'") && strstr(err.msg, "network_disk") && strstr(err.msg, "page_cache"));
}

int main(void)
{
    RUN(paths_are_in_their_order);
    RUN(what_nobody_says_is_as_wide_as_what_it_may_be);
    RUN(several_gpus_load_faster_by_the_one_pair_there_is);
    RUN(an_unknown_path_is_told_with_those_there_are);
    return check_report();
}
