#include "sim/io/colours.h"
#include <stddef.h>
#include <string.h>

const char kw_colours_light[] = "--page:#fff;--text:#222;--soft:#5c6268;--line:#ddd;--grid:#e5e5e5;--box:#f3f7fa;"
                                "--link:#005a8c;--api:#0072b2;--serverless:#a86a00;--dedicated:#00825f;"
                                "--busy:#0072b2;--ready:#c07c00;--starting:#d55e00";
const char kw_colours_dark[] = "--page:#15181c;--text:#e4e6e8;--soft:#a0a6ac;--line:#3a4048;--grid:#2b3036;"
                               "--box:#1d252d;--link:#7cc4f0;--api:#56b4e9;--serverless:#e69f00;--dedicated:#2dbe93;"
                               "--busy:#56b4e9;--ready:#e69f00;--starting:#f08a4b";

const char *kw_colour_kind(const char *kind)
{
    return !strncmp(kind, "api", 3)           ? "var(--api)"
           : !strncmp(kind, "serverless", 10) ? "var(--serverless)"
                                              : "var(--dedicated)";
}

const char *kw_colour_item(const char *item)
{
    static const struct {
        const char *item, *colour;
    } shade[] = { { "active", "#0072B2" },
                  { "keep_warm", "#E69F00" },
                  { "idle", "#F0E442" },
                  { "load", "#D55E00" },
                  { "provision", "#8C4510" },
                  { "drain", "#B8B8B8" },
                  { "failed_start", "#000000" },
                  { "rounding", "#999999" },
                  { "minimum", "#777777" },
                  { "cpu", "#56B4E9" },
                  { "memory", "#A6D8F5" },
                  { "reserved", "#44AA99" },
                  { "standin", "#117733" },
                  { "provisioned", "#999933" },
                  { "tokens_in", "#CC79A7" },
                  { "tokens_cached", "#E8BFD3" },
                  { "tokens_cache_write", "#A34E7A" },
                  { "tokens_out", "#7B3F61" },
                  { "long_in", "#D98BB8" },
                  { "long_cached", "#F2D9E5" },
                  { "long_cache_write", "#B86A92" },
                  { "long_out", "#5C2A46" },
                  { "egress", "#6E8B74" },
                  { "fee", "#555555" },
                  { "operations", "#333333" },
                  { "monitoring", "#4B6C8B" } };
    for (size_t i = 0; i < sizeof shade / sizeof *shade; i++)
        if (!strcmp(shade[i].item, item)) return shade[i].colour;
    return "#DDDDDD";
}
