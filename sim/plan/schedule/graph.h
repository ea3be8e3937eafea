/* sim/plan/schedule/graph.h - what single hours did in the runs that were looked at, as steps of a walk.
 *
 * A piece of the window (hours.h) begins with so many replicas alive; at a level of the schedule it costs billed time, leaves
 * requests late, and ends with so many replicas, with which the next piece begins. That count is what an hour hands on to
 * the next: who is alive stays while traffic comes, whatever level it was started for. What was seen of the same piece, count and
 * level is kept, each as often as it was seen.
 * A schedule is a walk round the window: anneal.h looks for a cheap one, bound.h for what none goes below. */
#ifndef KW_SIM_PLAN_SCHEDULE_GRAPH_H
#define KW_SIM_PLAN_SCHEDULE_GRAPH_H
#include "sim/plan/schedule/hours.h"

#define KW_GRAPH_COUNTS 16 /* of replicas that are told apart: the last one stands for all above */

struct kw_graph_arc {
    uint32_t next; /* of the same piece, count and level; KW_GRAPH_NONE */
    uint8_t after;
    uint32_t times;                   /* seen */
    double cost;                      /* replica-s billed */
    double late[KW_HOURS_OBJECTIVES]; /* requests */
};
#define KW_GRAPH_NONE UINT32_MAX

struct kw_graph {
    size_t pieces;
    uint32_t least, levels; /* least, least + 1, ... */
    uint32_t n_objectives;
    uint32_t *head;           /* [pieces][KW_GRAPH_COUNTS][levels], owned: first arc or KW_GRAPH_NONE */
    struct kw_graph_arc *arc; /* [n], owned */
    size_t n, cap;
};

enum kw_status kw_graph_init(struct kw_graph *g, size_t pieces, uint32_t least, uint32_t levels, uint32_t n_objectives,
                             struct kw_error *err);
void kw_graph_free(struct kw_graph *g); /* safe to call again */
/* A run's steps, step[pieces], under level[k] of piece k. */
enum kw_status kw_graph_learn(struct kw_graph *g, const struct kw_hours_step *step, const uint32_t *level,
                              struct kw_error *err);
/* The first arc of what was seen, KW_GRAPH_NONE: nothing was. */
uint32_t kw_graph_first(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level);
bool kw_graph_seen(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level);

/* The fewest replicas that a step of this piece, count and level was seen to hand on; not seen, of any count, or of any level. */
uint32_t kw_graph_after(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level);

#endif
