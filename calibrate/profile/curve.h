/* calibrate/profile/curve.h - building the piecewise linear curves of kw_step_tables. */
#ifndef KW_CALIBRATE_PROFILE_CURVE_H
#define KW_CALIBRATE_PROFILE_CURVE_H
#include <stddef.h>
#include "calibrate/profile/steptime.h"

/* An empty curve with room for that many points; c is empty on KW_ENOMEM. */
enum kw_status kw_curve_new(struct kw_curve *c, size_t room, struct kw_error *err);
void kw_curve_free(struct kw_curve *c);                    /* safe to call again */
void kw_curve_put(struct kw_curve *c, double x, double y); /* x beyond the last; there must be room */

/* Drops points that a straight line between the kept ones gives back within `tolerance` of their value; the outer
 * points stay. In place, O(n^2) when nothing can be dropped. */
void kw_curve_thin(struct kw_curve *c, double tolerance);

#endif
