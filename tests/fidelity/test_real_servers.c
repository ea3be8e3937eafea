/* The file of `make fidelity`: written from two small runs and three points, read back. With a path it stays there, for
 * the test of the notebook. */
#include "tests/fidelity/real_servers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/core/files/h5.h"
#include "tests/check.h"

static struct kw_error err;
#define MS KW_NS_PER_MS

static struct kw_run_request served(kw_ns first, uint32_t output)
{
    return (struct kw_run_request){
        .prompt = 10, .output = output, .first_token = first, .last_token = first + 10 * MS * (output - 1)
    };
}

static double at(struct kw_h5 *f, const char *path, size_t i, size_t n)
{
    void *data;
    size_t got;
    if (kw_h5_read(f, path, KW_H5_F64, &data, &got, &err) != KW_OK || got != n) {
        fprintf(stderr, "%s: %zu values\n", path, got);
        return -12345;
    }
    double x = ((double *)data)[i];
    free(data);
    return x;
}

static const char *kept; /* NULL: removed at the end */

static void everything_is_read_back(void)
{
    struct kw_run_request real[] = { served(100 * MS, 5), served(200 * MS, 5) },
                          sim[] = { served(110 * MS, 5), served(220 * MS, 5) };
    const struct kw_run was = { .r = real, .n = 2 }, is = { .r = sim, .n = 2 };
    static const double peer[KW_RUN_METRICS][KW_RUN_STATISTICS] = { { -1, 2 } };
    struct kw_replayed run[] = { { "RTX4090", &was, { is, was, is }, 150 * MS, peer },
                                 { "RTXPRO6000", &was, { was, was, was }, 150 * MS, NULL } };
    const struct kw_server_point q = { .source = "silicon",
                                       .engine = "vllm",
                                       .gpu = "H100",
                                       .model = "llama-3.1-8b",
                                       .precision = "fp8",
                                       .tp = 2,
                                       .replicas = 1,
                                       .load = { .at_once = 8, .n = 48, .prompt = 100, .output = 20 },
                                       .tpot_s = 0.01,
                                       .output_rate = NAN,
                                       .ttft_s = NAN };
    struct kw_server_accuracy_point point[] = {
        { &q, 0, false, true, NAN, { 0.011, 0.01, 0.01 }, { NAN, NAN, NAN } },
        { &q, 0, true, true, NAN, { 0.012, 0.0105, 0.0101 }, { NAN, NAN, NAN } },
        { &q, 0, false, false, NAN, { 0.009, 0.01, 0.01 }, { NAN, NAN, NAN } }
    };
    struct kw_server_accuracy_law law = {
        "silicon",          "vllm", "H100", true,
        KW_GRADE_PUBLISHED, 3,      2,      { { { 0, 0, 0 }, 1, 1, { NAN, NAN, NAN, NAN, NAN }, 0 } }
    };
    law.fit[KW_SERVER_ACCURACY_HOST] =
        (struct kw_host_fit){ { 2e-3, 70e-6, 0 }, 1, 1, { 1e-4, 8e-6, NAN, NAN, NAN }, 0.05 };
    law.fit[KW_SERVER_ACCURACY_WHOLE] =
        (struct kw_host_fit){ { 1e-3, 60e-6, 0 }, 1.1, 1.3, { 1e-4, 8e-6, NAN, 0.02, 0.1 }, 0.04 };
    const struct kw_server_accuracy accuracy = { point, 3, &law, 1 };
    char path[512];
    struct kw_h5 *f;
    void *words;
    size_t n;
    snprintf(path, sizeof path, "/tmp/kw_real_servers_%ld.h5", (long)getpid());
    if (kept) snprintf(path, sizeof path, "%s", kept);
    CHECK(kw_real_servers_write(path, run, 2, &accuracy, &err) == KW_OK);
    CHECK(kw_h5_open(&f, path, &err) == KW_OK);
    CHECK_NEAR(at(f, "/runs/real", 0, 2 * 15), 150, 1e-9); /* mean TTFT of the first run, ms */
    CHECK_NEAR(at(f, "/runs/error", 0, 2 * 3 * 15), 10, 1e-9);
    CHECK_NEAR(at(f, "/runs/error", 15, 2 * 3 * 15), 0, 1e-9); /* the profile's clock */
    CHECK_NEAR(at(f, "/runs/peer", 1, 2 * 15), 2, 1e-12);
    CHECK(isnan(at(f, "/runs/peer", 15, 2 * 15)));
    CHECK_NEAR(at(f, "/runs/sim_ttft", 1, 2 * 3 * 2), 0.22, 1e-12);
    CHECK_NEAR(at(f, "/runs/real_tpot", 3, 2 * 2), 0.01, 1e-12);
    CHECK(at(f, "/runs/held_out", 0, 4) == 0 && at(f, "/runs/held_out", 1, 4) == 1);
    CHECK_NEAR(at(f, "/points/host_tpot", 1, 3), 0.0105, 1e-12);
    CHECK(at(f, "/points/held_out", 1, 3) == 1 && at(f, "/points/tp", 2, 3) == 2 &&
          isnan(at(f, "/points/real_rate", 0, 3)));
    CHECK_NEAR(at(f, "/laws/host_fixed", 0, 1), 2e-3, 1e-12);
    CHECK_NEAR(at(f, "/laws/whole_kernels_error", 0, 1), 0.02, 1e-12);
    CHECK_NEAR(at(f, "/laws/tpot_plain", 0, 1), 0.1, 1e-9);
    CHECK_NEAR(at(f, "/laws/tpot_held_host", 0, 1), 0.05, 1e-9);
    CHECK(isnan(at(f, "/laws/rate_plain", 0, 1)));
    CHECK(kw_h5_read(f, "/points/model", KW_H5_STR, &words, &n, &err) == KW_OK && n == 3);
    CHECK_STR(((char **)words)[2], "llama-3.1-8b");
    free(words);
    kw_h5_abandon(f);
    if (!kept) remove(path);
    struct kw_run one = { .r = real, .n = 1 };
    run[1].real = &one;
    CHECK(kw_real_servers_write(path, run, 2, &accuracy, &err) == KW_ERANGE && strstr(err.msg, "want 2"));
    CHECK(kw_real_servers_write("/nowhere/x.h5", run, 1, &accuracy, &err) == KW_EIO);
}

int main(int argc, char **argv)
{
    if (argc > 1) kept = argv[1];
    RUN(everything_is_read_back);
    return check_report();
}
