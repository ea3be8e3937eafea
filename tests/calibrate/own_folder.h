/* tests/calibrate/own_folder.h - a folder of the test's own for tables that a user brings. */
#ifndef KW_TESTS_CALIBRATE_OWN_FOLDER_H
#define KW_TESTS_CALIBRATE_OWN_FOLDER_H
#include <stdlib.h>
#include <unistd.h>
#include "sim/core/files/file.h"
#include "tests/check.h"

static char folder[] = "/tmp/keepwarm_own_XXXXXX"; /* mkdtemp's */

/* The file's path, which the fourth call after this one takes. */
static const char *put(const char *name, const char *text)
{
    static char path[4][128];
    static int k;
    char *to = path[k++ % 4];
    struct kw_error err;
    snprintf(to, 128, "%s/%s", folder, name);
    CHECK(kw_file_replace(to, text, strlen(text), &err) == KW_OK);
    return to;
}

#endif
