/* tests/calibrate/make_profiles.c - `make profiles`: writes calibrate/data/profiles anew from the published tables.
 * Usage: make_profiles DATA_DIR OUT_DIR */
#include <stdio.h>
#include "calibrate/import/import.h"

static void print(const char *line, void *arg)
{
    (void)arg;
    puts(line);
}

int main(int argc, char **argv)
{
    struct kw_error err = { .msg = "" };
    if (argc != 3) {
        fprintf(stderr, "usage: make_profiles DATA_DIR OUT_DIR\n");
        return 2;
    }
    enum kw_status st = kw_calibrate_ship(argv[1], argv[2], print, NULL, &err);
    if (st != KW_OK) fprintf(stderr, "make_profiles: %s\n", err.msg);
    return kw_exit_code(st);
}
