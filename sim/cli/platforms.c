#include "sim/cli/platforms.h"
#include "platforms/show.h"
#include "sim/cli/say.h"
#include "sim/io/catalogue.h"

int kw_cli_platforms_list(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_platforms all;
    char *text = NULL;
    (void)o;
    enum kw_status st = kw_platforms_embedded(&all, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_show_list(&all, &text, &err);
    kw_platforms_free(&all);
    return st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
}

int kw_cli_platforms_show(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_catalogue c;
    const struct kw_platform *p;
    char *text = NULL;
    enum kw_status st = kw_catalogue_load(&c, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_catalogue_platform(&c, o->args.v[0], &p, &err);
    if (st == KW_OK) st = kw_show_platform(p, &text, &err);
    kw_catalogue_free(&c);
    return st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
}

int kw_cli_platforms_check(const struct kw_options *o)
{
    struct kw_error err = { "" };
    char today[16];
    kw_cli_date(today, o->at);
    int code = 0;
    for (size_t i = 0; i < o->args.n && code == 0; i++) {
        struct kw_platform p;
        char *text = NULL;
        enum kw_status st = kw_platform_load(&p, o->args.v[i], &err);
        if (st != KW_OK) return kw_cli_fail(st, &err);
        st = kw_show_check(&p, o->args.v[i], today, &text, NULL, &err);
        kw_platform_free(&p);
        code = st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
    }
    return code;
}
