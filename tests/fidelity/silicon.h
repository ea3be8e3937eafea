/* tests/fidelity/silicon.h - the closed-loop runs of whole servers in data/published/silicon_public.csv.gz (1,749 rows of
 * aiconfigurator's database, SOURCES.md there), beside what a plan's profile says of them, shipped or made on the spot: any
 * model whose shape ships, dense or with experts, split over tp, ep and dp GPUs. No table of the engine's own but vLLM's, nothing
 * fitted per source.
 *
 * A run is a concurrency an instance with prompts and answers of one length; its mean TTFT and TPOT were published. The
 * output rate was not: both sides' follows from their figures by Little's law, n osl / (TTFT + (osl - 1) TPOT).
 *
 * Halves. Runs that share model shape, GPU, engine, version and split (a server's configuration) are siblings: all of them
 * fall into one half, by the FNV-1a hash of those words and numbers, odd or even. DeepSeek-R1 and V3 are one shape and the
 * same runs stand under both names: what repeats a run already seen is left out. The even half may be fitted to; the odd
 * half judges. The rule was set before any fit was looked at. */
#ifndef KW_TESTS_FIDELITY_SILICON_H
#define KW_TESTS_FIDELITY_SILICON_H
#include "calibrate/operators/on_the_spot.h"
#include "tests/fidelity/loadtest.h"

/* Why a run cannot be judged. */
enum kw_silicon_why {
    KW_SILICON_JUDGED,
    KW_SILICON_DISAGGREGATED, /* prefill and decode on machines of their own: not simulated yet */
    KW_SILICON_REPEATED,      /* the same run under another name */
    KW_SILICON_GPU,           /* no data sheet of it here */
    KW_SILICON_MODEL,         /* no shape of it here */
    KW_SILICON_NODES,         /* more GPUs than one node's links have figures for */
    KW_SILICON_SPLIT,         /* tp, ep and dp of the row do not multiply to one number of GPUs */
    KW_SILICON_FIT,           /* does not fit in memory, by our count, or the GPU lacks the precision */
    KW_SILICON_WHYS
};
extern const char *const kw_silicon_why_name[KW_SILICON_WHYS];

struct kw_silicon_run {
    long line;
    char engine[12], version[16], gpu[24];
    const struct kw_model_shape *m; /* NULL: none */
    char precision[8];
    struct kw_split split;
    uint32_t prompt, output, at_once; /* of an instance */
    double ttft_s, tpot_s;            /* published means; ttft_s NAN where the source says itself that it is no TTFT */
    enum kw_silicon_why why;
    bool held_out; /* in the half that judges */
    /* What we say of it, and the steps behind each figure: */
    double our_ttft_s, our_tpot_s;
    double tpot_within, ttft_within; /* its 90 % interval: from 1 / (1 + within) to 1 + within of it */
    struct kw_host_point tpot;
};

struct kw_silicon { /* owns both */
    struct kw_silicon_run *run;
    size_t n;
    struct kw_profiles shipped; /* vLLM's */
};

/* Reads the file in dir. KW_EINPUT, KW_EPARSE with path and line. */
enum kw_status kw_silicon_load(struct kw_silicon *s, const char *dir, struct kw_error *err);
/* Simulates every run that can be judged. Same result for any number of threads. */
enum kw_status kw_silicon_judge(struct kw_silicon *s, struct kw_error *err);
void kw_silicon_free(struct kw_silicon *s);

double kw_silicon_rate(const struct kw_silicon_run *r, double ttft_s, double tpot_s); /* output tokens a second */

#endif
