/* sim/io/results/version.h - which build wrote a result. */
#ifndef KW_SIM_IO_RESULTS_VERSION_H
#define KW_SIM_IO_RESULTS_VERSION_H

extern const char kw_version[];      /* "0.1.0" */
extern const char kw_git_revision[]; /* of the source tree at build time, "-dirty" when it had changes; "unknown" */
extern const char kw_build_flags[];  /* compiler and flags */

#endif
