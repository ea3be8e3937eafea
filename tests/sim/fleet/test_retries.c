/* Refusals, retries and timeouts of a fixed pool against a queue written out naively, over random scenarios: every
 * request ends as it ends there, at the same nanosecond and with as many tries. One request a replica at a time and one
 * output token, so a service lasts as many ms as the prompt has tokens. */
#include "sim/core/rng.h"
#include "sim/fleet/api/api_endpoint.h"
#include "sim/fleet/events.h"
#include "tests/sim/fleet/fleet_case.h"

enum { MOST = 120, REPLICAS = 4 };

static uint64_t state;
static uint64_t draw(uint64_t below) /* [0, below) */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return kw_mix64(state) % below;
}

struct
try {
    kw_ns arrival, service; /* of the request */
    kw_ns tried, until;     /* this try; AT_CLIENT: the next one, AT_REPLICA: its end */
    enum { TO_COME, AT_CLIENT, AT_QUEUE, AT_REPLICA, OVER } at;
    uint32_t attempts, replica;
    enum kw_request_status status;
    kw_ns e2e;
};

struct naive {
    const struct kw_deployment *d;
    struct try t[MOST];
    uint32_t n;
    kw_ns engine_until[REPLICAS];    /* a step under way ends, whether its client is still there or not */
    uint32_t idle[REPLICAS], n_idle; /* in the order in which they became so */
    uint64_t retries;
    struct kw_rng rng;
};

static void start(struct naive *q, uint32_t i, kw_ns now)
{
    struct try *t = &q->t[i];
    uint32_t r = q->idle[0];
    for (uint32_t k = 1; k < q->n_idle; k++) q->idle[k - 1] = q->idle[k];
    q->n_idle--;
    t->at = AT_REPLICA;
    t->replica = r;
    if (q->engine_until[r] < now) q->engine_until[r] = now;
    t->until = q->engine_until[r] + t->service;
}

static void end(struct naive *q, uint32_t i, enum kw_request_status status, kw_ns now)
{
    q->t[i].at = OVER;
    q->t[i].status = status;
    q->t[i].e2e = status == KW_REQ_COMPLETED ? now - q->t[i].arrival : -1;
}

static uint32_t waiting(const struct naive *q, uint32_t *head) /* how many; head: the one whose try is oldest */
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n; i++)
        if (q->t[i].at == AT_QUEUE && (!n++ || q->t[i].tried < q->t[*head].tried)) *head = i;
    return n;
}

static void try_now(struct naive *q, uint32_t i, kw_ns now)
{
    const struct kw_autoscaling *c = &q->d->scaling;
    struct try *t = &q->t[i];
    uint32_t head = 0, n = waiting(q, &head);
    t->attempts++;
    t->tried = now;
    if (!n && q->n_idle) {
        start(q, i, now);
    } else if (!c->no_queue && (!c->queue_limit || n < c->queue_limit)) {
        t->at = AT_QUEUE;
    } else if (t->attempts < q->d->retry.max_attempts) {
        t->at = AT_CLIENT;
        t->until = now + kw_client_backoff(&q->d->retry, t->attempts, 0, &q->rng);
    } else {
        end(q, i, KW_REQ_REJECTED, now);
    }
}

static kw_ns shorter(kw_ns a, kw_ns b) /* of two timeouts, 0: none */
{
    return !a ? b : !b ? a : a < b ? a : b;
}

/* When something happens to request i next: it arrives, tries again, is told to wait no longer, is served. */
static kw_ns next_of(const struct naive *q, uint32_t i)
{
    const struct kw_autoscaling *c = &q->d->scaling;
    const struct try *t = &q->t[i];
    kw_ns limit = shorter(c->queue_timeout, c->request_timeout), leaves = KW_NEVER;
    switch (t->at) {
    case TO_COME: return t->arrival;
    case AT_CLIENT: return t->until;
    case AT_QUEUE: return limit ? t->tried + limit : KW_NEVER;
    case AT_REPLICA:
        if (c->request_timeout) leaves = t->tried + c->request_timeout;
        return t->until < leaves ? t->until : leaves;
    case OVER: break;
    }
    return KW_NEVER;
}

static void naive_run(struct naive *q)
{
    for (;;) {
        uint32_t i = 0, head = 0;
        for (uint32_t k = 1; k < q->n; k++)
            if (next_of(q, k) < next_of(q, i)) i = k;
        kw_ns now = next_of(q, i);
        struct try *t = &q->t[i];
        if (now == KW_NEVER) return;
        if (t->at == TO_COME || t->at == AT_CLIENT) {
            q->retries += t->at == AT_CLIENT;
            try_now(q, i, now);
        } else if (t->at == AT_QUEUE) {
            end(q, i, KW_REQ_TIMED_OUT, now);
        } else {
            /* A service that has begun goes on; one that has not will not. */
            if (t->until - t->service <= now) q->engine_until[t->replica] = t->until;
            q->idle[q->n_idle++] = t->replica;
            end(q, i, now == t->until ? KW_REQ_COMPLETED : KW_REQ_TIMED_OUT, now);
        }
        while (q->n_idle && waiting(q, &head)) start(q, head, now);
    }
}

static void random_deployment(struct kw_deployment *d, uint32_t replicas)
{
    struct kw_autoscaling *c = &d->scaling;
    c->keep_warm = c->max_replicas = replicas;
    c->no_queue = draw(5) == 0;
    c->queue_limit = draw(2) ? 0 : 1 + draw(6);
    /* Not whole ms beside services of whole ms: two things at one ns would want an order, which test_pool.c holds. */
    c->queue_timeout = draw(2) ? 0 : (1 + (kw_ns)draw(6000)) * MS + 137;
    c->request_timeout = draw(3) == 0 ? 0 : (1 + (kw_ns)draw(9000)) * MS + 739;
    d->retry = (struct kw_client_retry){ .max_attempts = 1 + (uint32_t)draw(5),
                                         .base = (1 + (kw_ns)draw(3000)) * MS,
                                         .cap = (1 + (kw_ns)draw(8000)) * MS };
}

static void every_try_ends_as_in_the_naive_queue(void)
{
    uint64_t ended[3] = { 0 }, retried = 0, after_retry[3] = { 0 };
    for (uint64_t seed = 1; seed <= 600 && !check_bad; seed++) {
        struct fleet_case c;
        static struct naive q[2];
        uint16_t klass[MOST];
        uint32_t n = 20 + (uint32_t)(state = seed * 77, draw(MOST - 20)), of[MOST];
        kw_ns at = 0, gap = (10 + (kw_ns)draw(1500)) * MS;
        case_begin(&c, KW_SCALER_FIXED, 1, 1);
        c.n = 2;
        c.opt.seed = seed;
        c.opt.stepping_each = seed % 2;
        c.routing.policy = KW_ROUTE_CLASS;
        c.routing.class_to[1] = 1;
        c.trace.klass = klass;
        memset(q, 0, sizeof q);
        for (uint32_t k = 0; k < 2; k++) {
            random_deployment(&c.d[k], 1 + (uint32_t)draw(REPLICAS));
            q[k].d = &c.d[k];
            q[k].n_idle = c.d[k].scaling.keep_warm;
            for (uint32_t r = 0; r < q[k].n_idle; r++) q[k].idle[r] = r;
            CHECK(kw_rng_init(&q[k].rng, k ? kw_mix64(seed + k) : seed, 0, KW_RNG_RETRY, NULL) == KW_OK);
        }
        for (uint32_t i = 0; i < n; i++) {
            uint32_t ms = 1 + (uint32_t)draw(4000), k = klass[i] = (uint16_t)draw(2);
            at += 1 + (kw_ns)draw((uint64_t)gap);
            case_request(&c, at, ms, 1);
            of[i] = q[k].n;
            q[k].t[q[k].n++] = (struct try){ .arrival = at, .service = ms * MS };
        }
        CHECK(case_run(&c) == KW_OK);
        for (uint32_t k = 0; k < 2; k++) {
            if (q[k].n) naive_run(&q[k]);
            CHECK(c.o.ledger[k].retries == q[k].retries);
            retried += q[k].retries;
            kw_rng_free(&q[k].rng);
        }
        for (uint32_t i = 0; i < n && !check_bad; i++) {
            const struct try *t = &q[klass[i]].t[of[i]];
            const struct kw_record *r = &c.o.records[i];
            CHECK(r->status == t->status && r->attempts == t->attempts && r->e2e == t->e2e && r->ttft == t->e2e);
            ended[t->status]++;
            after_retry[t->status] += t->attempts > 1;
        }
        CHECK(c.o.arrived == c.o.completed + c.o.rejected + c.o.timed_out + c.o.too_long);
        if (check_bad) fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        case_end(&c);
    }
    CHECK(ended[KW_REQ_COMPLETED] > 10000 && ended[KW_REQ_REJECTED] > 2000 && ended[KW_REQ_TIMED_OUT] > 5000);
    CHECK(retried > 5000 && after_retry[KW_REQ_COMPLETED] > 1000 && after_retry[KW_REQ_TIMED_OUT] > 200);
    printf("%llu served (%llu after a retry), %llu refused, %llu timed out (%llu); %llu retries\n",
           (unsigned long long)ended[KW_REQ_COMPLETED], (unsigned long long)after_retry[KW_REQ_COMPLETED],
           (unsigned long long)ended[KW_REQ_REJECTED], (unsigned long long)ended[KW_REQ_TIMED_OUT],
           (unsigned long long)after_retry[KW_REQ_TIMED_OUT], (unsigned long long)retried);
}

int main(void)
{
    RUN(every_try_ends_as_in_the_naive_queue);
    return check_report();
}
