#include "sim/plan/brief.h"
#include <stddef.h>

#define USD KW_NANO
#define CENT (KW_NANO / 100)
#define MONTH_HOURS 720 /* the brief's */

const struct kw_brief_volume kw_brief_volume[KW_BRIEF_VOLUMES] = {
    { 50000000, 375 * USD, 54 * USD, 929 * USD, 1 },
    { 500000000, 3750 * USD, 540 * USD, 929 * USD, 1 },
    { 2000000000, 15000 * USD, 2160 * USD, 929 * USD, 1 },
    { 10000000000, 75000 * USD, 10800 * USD, 1858 * USD, 2 },
};

const struct kw_brief_price kw_brief_price[] = {
    { "together-api", "llama-3.1-70b", "Together AI, Llama 3.1 70B", 54 * CENT, 54 * CENT },
    { "together-api", "llama-3.1-8b", "Together AI, Llama 3.1 8B", 10 * CENT, 10 * CENT },
    { "fireworks-api", "llama-3.1-70b", "Fireworks AI, Llama 3.1 70B", 40 * CENT, 40 * CENT },
    { "fireworks-api", "llama-3.1-8b", "Fireworks AI, Llama 3.1 8B", 10 * CENT, 10 * CENT },
    { "groq", "llama-3.1-70b", "Groq, Llama 3.1 70B", 59 * CENT, 79 * CENT },
    { "bedrock", "llama-3.1-70b", "AWS Bedrock, Llama 3.1 70B", 72 * CENT, 72 * CENT },
    { "anthropic", "claude-3.5-sonnet", "Claude 3.5 Sonnet", 3 * USD, 15 * USD },
    { "gemini", "gemini-2.0-flash", "Vertex AI, Gemini 2.0 Flash", 10 * CENT, 40 * CENT },
    { "replicate", NULL, "Replicate A40, second", 575000, 0 },
    { "replicate", "A100-80", "Replicate A100 80 GB, second", 1400000, 0 },
    { "modal", "A100-80", "Modal A100 80 GB, second", 1092000, 0 },
    { "modal", "H100", "Modal H100, second", 2319000, 0 },
    { NULL, NULL, NULL, 0, 0 },
};

const struct kw_brief_start kw_brief_start[] = {
    { "1-3B", "llama-3.2-3b", 3, 3, 8, 5, 4 },
    { "7-8B", "llama-3.1-8b", 8, 5, 15, 10, 8 },
    { "13B", NULL, 13, 10, 25, 18, 12 },
    { "30-34B", NULL, 34, 20, 45, 35, 25 },
    { "70B", "llama-3.1-70b", 70, 30, 90, 60, 40 },
    { NULL, NULL, 0, 0, 0, 0, 0 },
};

/* Two thirds of the tokens are answers: the mix at which its $375 for 50 million comes out. */
struct kw_brief_own kw_brief_own(const struct kw_brief_volume *v)
{
    kw_i128 third = v->tokens;
    return (struct kw_brief_own){
        .api = (kw_nusd)((third * 250 * CENT + 2 * third * 10 * USD) / 3 / 1000000),
        .serverless = (kw_nusd)((kw_i128)v->tokens * 54 * CENT / 1000000),
        .serverless_was = (kw_nusd)((kw_i128)v->tokens * 108 * CENT / 1000000),
        .dedicated = v->gpus * 129 * CENT * MONTH_HOURS,
    };
}

void kw_brief_phases(const struct kw_brief_start *s, double *lo, double *hi)
{
    double load = 2 * s->billions / 10;
    *lo = 2 + load + 2;
    *hi = 10 + load + 5;
}

kw_nusd kw_brief_cold_month(void)
{
    return INT64_C(100) * 60 * 1400000 * 30;
}

double kw_brief_saving(kw_nusd *by_token, kw_nusd *rented)
{
    *by_token = (kw_nusd)((kw_i128)3200000000 * 54 * CENT / 1000000);
    *rented = 129 * CENT * MONTH_HOURS;
    return 1 - (double)*rented / (double)*by_token;
}
