#include "sim/io/results/version.h"

/* The Makefile defines KW_GIT_REVISION and KW_BUILD_FLAGS for this file alone. */
const char kw_version[] = "0.1.0";
const char kw_git_revision[] = KW_GIT_REVISION;
const char kw_build_flags[] = KW_BUILD_FLAGS;
