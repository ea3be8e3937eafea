#include "sim/cli/help.h"
#include <stdio.h>
#include <string.h>
#include "sim/io/results/version.h"

static void option_words(int id, char *buf, size_t size)
{
    if (kw_option[id].letter)
        snprintf(buf, size, "-%c, --%s%s%s", kw_option[id].letter, kw_option[id].name, kw_option[id].value ? " " : "",
                 kw_option[id].value ? kw_option[id].value : "");
    else
        snprintf(buf, size, "    --%s%s%s", kw_option[id].name, kw_option[id].value ? " " : "",
                 kw_option[id].value ? kw_option[id].value : "");
}

static void add_examples(const char *lines, struct kw_text *out)
{
    for (const char *p = lines; *p;) {
        size_t n = strcspn(p, "\n");
        kw_text_add(out, "  %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

void kw_help_command(const struct kw_command *c, struct kw_text *out)
{
    kw_text_add(out, "keepwarm %s - %s\n\nusage: keepwarm %s %s%s", c->name, c->summary, c->name,
                c->options[0] == KW_OPTIONS ? "" : "[options] ", c->args);
    kw_text_trim(out);
    kw_text_add(out, "\n\n");
    if (c->text[0]) kw_text_add(out, "%s\n\n", c->text);
    if (c->options[0] != KW_OPTIONS) kw_text_add(out, "options:\n");
    for (int i = 0; c->options[i] != KW_OPTIONS; i++) {
        char words[64];
        option_words(c->options[i], words, sizeof words);
        kw_text_add(out, "  ");
        kw_text_pad(out, words, 26);
        kw_text_add(out, " %s\n", kw_option[c->options[i]].help);
    }
    if (c->examples[0]) {
        kw_text_add(out, "\nexamples:\n");
        add_examples(c->examples, out);
    }
}

static void command_row(const char *name, const char *summary, struct kw_text *out)
{
    kw_text_add(out, "  ");
    kw_text_pad(out, name, 20);
    kw_text_add(out, " %s\n", summary);
}

void kw_help_group(const struct kw_command_group *g, struct kw_text *out)
{
    kw_text_add(out, "keepwarm %s - %s\n\nusage: keepwarm %s COMMAND [options] [arguments]\n\ncommands:\n", g->name,
                g->summary, g->name);
    for (const struct kw_command *c = kw_commands; c->name; c++)
        if (kw_command_in_group(c, g)) command_row(c->name, c->summary, out);
    kw_text_add(out, "\n`keepwarm %s COMMAND --help` shows options and examples.\n", g->name);
}

void kw_help_all(struct kw_text *out)
{
    kw_text_add(out,
                "keepwarm %s - where should this LLM traffic run, and how many replicas should be kept warm?\n\n"
                "usage: keepwarm COMMAND [options] [arguments]\n\ncommands:\n",
                kw_version);
    for (const struct kw_command *c = kw_commands; c->name; c++) command_row(c->name, c->summary, out);
    kw_text_add(out, "\n`keepwarm COMMAND --help` shows options and examples.\n"
                     "exit codes: 0 done, 1 failed, 2 bad usage or input, 3 nothing meets the SLO, 4 over budget,\n"
                     "130 and 143 interrupted (SIGINT, SIGTERM)\n\n"
                     "start here:\n"
                     "  keepwarm plan --trace requests.csv --model llama-3.1-8b --slo ttft_p95=2s\n");
}

/* roff wants '-' and '\' escaped, and no '.' or '\'' at the start of a line. */
static void roff(const char *s, struct kw_text *out)
{
    bool start = true;
    for (; *s; s++) {
        if (start && (*s == '.' || *s == '\'')) kw_text_add(out, "\\&");
        if (*s == '-')
            kw_text_add(out, "\\-");
        else if (*s == '\\')
            kw_text_add(out, "\\e");
        else
            kw_text_add(out, "%c", *s);
        start = *s == '\n';
    }
}

void kw_help_man(struct kw_text *out)
{
    kw_text_add(
        out,
        ".TH KEEPWARM 1 \"\" \"keepwarm %s\" \"User Commands\"\n.SH NAME\nkeepwarm \\- simulator and capacity "
        "planner for LLM inference\n.SH SYNOPSIS\n.B keepwarm\n.I COMMAND\n[options] [arguments]\n.SH DESCRIPTION\n",
        kw_version);
    roff("keepwarm answers one question with evidence: where should this LLM traffic run, and how many replicas should "
         "be "
         "kept warm? It replays a trace against managed per-token APIs, serverless GPU platforms and dedicated GPUs, "
         "each "
         "with the platform's own autoscaling and billing rules, and names the cheapest configuration that meets the "
         "latency objectives, with its uncertainty.\n",
         out);
    kw_text_add(out, ".SH COMMANDS\n");
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++) {
        kw_text_add(out, ".SS \"keepwarm %s COMMAND\"\n", g->name);
        roff(g->summary, out);
        kw_text_add(out, ":\n");
        const char *comma = "";
        for (const struct kw_command *c = kw_commands; c->name; c++) {
            if (!kw_command_in_group(c, g)) continue;
            kw_text_add(out, "%s", comma);
            roff(c->name + strlen(g->name) + 1, out);
            comma = ", ";
        }
        kw_text_add(out, ".\n");
    }
    for (const struct kw_command *c = kw_commands; c->name; c++) {
        kw_text_add(out, ".SS \"keepwarm %s ", c->name);
        roff(c->args, out);
        kw_text_add(out, "\"\n");
        roff(c->summary, out);
        kw_text_add(out, ".\n");
        if (c->text[0]) {
            kw_text_add(out, ".PP\n");
            roff(c->text, out);
            kw_text_add(out, "\n");
        }
        for (int i = 0; c->options[i] != KW_OPTIONS; i++) {
            char words[64];
            option_words(c->options[i], words, sizeof words);
            kw_text_add(out, ".TP\n\\fB");
            roff(words + strspn(words, " "), out);
            kw_text_add(out, "\\fR\n");
            roff(kw_option[c->options[i]].help, out);
            kw_text_add(out, "\n");
        }
        if (c->examples[0]) {
            kw_text_add(out, ".PP\nExamples:\n.PP\n.nf\n");
            roff(c->examples, out);
            kw_text_add(out, "\n.fi\n");
        }
    }
    kw_text_add(
        out,
        ".SH EXAMPLES\n.nf\nkeepwarm plan --trace requests.csv --model llama-3.1-8b --slo ttft_p95=2s\n"
        "keepwarm init --trace requests.csv -o chat.json\nkeepwarm plan chat.json -o plan.h5\n"
        "keepwarm report plan.h5 -o report.html\n.fi\n"
        ".SH ENVIRONMENT\n"
        ".TP\n\\fBKEEPWARM_PROFILES\\fR\na folder of profiles of your own; ./profiles where it is not set, none "
        "where it is empty.\n"
        ".TP\n\\fBKEEPWARM_PLATFORMS\\fR\na folder of platform files of your own, each for the built-in one of its "
        "name; --platforms goes before it.\n"
        ".TP\n\\fBKEEPWARM_TODAY\\fR\nthe day, YYYY-MM-DD, by which offers and facts are judged instead of the "
        "clock's; a "
        "scenario's as_of goes before it.\n"
        ".TP\n\\fBKEEPWARM_DATA\\fR\nwhere calibrate import and the tests look for public data.\n"
        ".TP\n\\fBKEEPWARM_API_KEY\\fR\nthe bearer token that calibrate observe sends to its server; none where it is "
        "not set.\n"
        ".TP\n\\fBKEEPWARM_CUDA\\fR\nthe CUDA backend's library, where it does not lie in ../lib/keepwarm.\n"
        ".TP\n\\fBKEEPWARM_CPU\\fR\nthe instruction set of the CPU backend instead of the best there is.\n"
        ".TP\n\\fBOMP_NUM_THREADS\\fR\nthreads of a sweep and of the CPU backend; --threads goes before it.\n"
        ".SH FILES\n"
        ".TP\n\\fISCENARIO.json\\fR\nwhat to simulate; keepwarm schema describes it, keepwarm init writes one.\n"
        ".TP\n\\fIRESULT.h5\\fR\nHDF5: open it with h5py, xarray or h5web, or with reprice, compare and report.\n"
        ".TP\n\\fI/usr/local/share/doc/keepwarm/examples\\fR\nan example, a commented scenario and the schema.\n"
        ".SH EXIT STATUS\n0 done, 1 failed, 2 bad usage or input, 3 nothing meets the SLO, 4 over budget, 130 and 143 "
        "interrupted (SIGINT, SIGTERM).\n");
}

void kw_help_bash(struct kw_text *out)
{
    kw_text_add(out, "# bash completion for keepwarm: keepwarm completion bash > /etc/bash_completion.d/keepwarm\n"
                     "_keepwarm() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words=\"\"\n"
                     "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for (const struct kw_command *c = kw_commands; c->name; c++) {
        kw_text_add(out, "    '%s'%s) words=\"", c->name, strchr(c->name, ' ') ? "" : "\\ *");
        for (int i = 0; c->options[i] != KW_OPTIONS; i++) kw_text_add(out, "--%s ", kw_option[c->options[i]].name);
        kw_text_add(out, "--help\" ;;\n");
    }
    kw_text_add(out, "    esac\n    if [[ $COMP_CWORD == 1 ]]; then\n        COMPREPLY=($(compgen -W \"");
    for (const struct kw_command *c = kw_commands; c->name; c++)
        if (!strchr(c->name, ' ')) kw_text_add(out, "%s ", c->name);
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++) kw_text_add(out, "%s ", g->name);
    kw_text_add(
        out,
        "--help --version\" -- \"$cur\"))\n    elif [[ $COMP_CWORD == 2 ]]; then\n        case ${COMP_WORDS[1]} in\n");
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++) {
        kw_text_add(out, "        %s) words=\"", g->name);
        for (const struct kw_command *c = kw_commands; c->name; c++)
            if (kw_command_in_group(c, g)) kw_text_add(out, "%s ", c->name + strlen(g->name) + 1);
        kw_text_add(out, "--help\" ;;\n");
    }
    kw_text_add(out,
                "        esac\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
                "    elif [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "    else\n        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\ncomplete -o filenames -F "
                "_keepwarm keepwarm\n");
}

/* 'name:what it does' for zsh's _describe, in single quotes. */
static void zsh_row(const char *name, const char *summary, struct kw_text *out)
{
    kw_text_add(out, "            '%s:", name);
    for (const char *p = summary; *p; p++)
        if (*p == '\'')
            kw_text_add(out, "'\\''");
        else
            kw_text_add(out, "%c", *p);
    kw_text_add(out, "'\n");
}

void kw_help_zsh(struct kw_text *out)
{
    kw_text_add(
        out, "#compdef keepwarm\n# zsh completion: keepwarm completion zsh > \"${fpath[1]}/_keepwarm\"\n_keepwarm() {\n"
             "    if (( CURRENT == 2 )); then\n        local -a commands=(\n");
    for (const struct kw_command *c = kw_commands; c->name; c++)
        if (!strchr(c->name, ' ')) zsh_row(c->name, c->summary, out);
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++) zsh_row(g->name, g->summary, out);
    kw_text_add(out,
                "        )\n        _describe command commands\n        return\n    elif (( CURRENT == 3 )); then\n"
                "        local -a commands=()\n        case $words[2] in\n");
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++) {
        kw_text_add(out, "        %s) commands=(\n", g->name);
        for (const struct kw_command *c = kw_commands; c->name; c++)
            if (kw_command_in_group(c, g)) zsh_row(c->name + strlen(g->name) + 1, c->summary, out);
        kw_text_add(out, "        ) ;;\n");
    }
    kw_text_add(
        out,
        "        esac\n        if (( $#commands )); then\n            _describe command commands\n            return\n"
        "        fi\n    fi\n    case \"$words[2] $words[3]\" in\n");
    for (const struct kw_command *c = kw_commands; c->name; c++) {
        kw_text_add(out, "    '%s'%s) _arguments", c->name, strchr(c->name, ' ') ? "" : "\\ *");
        for (int i = 0; c->options[i] != KW_OPTIONS; i++) {
            int id = c->options[i];
            kw_text_add(out, " '--%s%s[", kw_option[id].name, kw_option[id].type == KW_OPTION_FLAG ? "" : "=");
            for (const char *p = kw_option[id].help; *p; p++)
                if (*p != '\'' && *p != '[' && *p != ']' && *p != ':') kw_text_add(out, "%c", *p);
            kw_text_add(out, "]%s%s%s'", kw_option[id].type == KW_OPTION_FLAG ? "" : ":",
                        kw_option[id].type == KW_OPTION_FLAG ? "" : kw_option[id].value,
                        kw_option[id].type == KW_OPTION_FLAG ? "" : ":_files");
        }
        kw_text_add(out, " '*:file:_files' ;;\n");
    }
    kw_text_add(out, "    esac\n}\n_keepwarm \"$@\"\n");
}
