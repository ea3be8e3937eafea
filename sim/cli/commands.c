/* The commands, a row each: what keepwarm can do. */
#include "sim/cli/commands/bill.h"
#include "sim/cli/commands/brief.h"
#include "sim/cli/commands/calibrate.h"
#include "sim/cli/commands/calibrate_api.h"
#include "sim/cli/commands/calibrate_observe.h"
#include "sim/cli/commands/compare.h"
#include "sim/cli/commands/describe.h"
#include "sim/cli/commands/engine.h"
#include "sim/cli/options.h"
#include "sim/cli/commands/platforms.h"
#include "sim/cli/commands/platforms_import.h"
#include "sim/cli/commands/simulate.h"
#include "sim/cli/commands/trace.h"
#include "sim/cli/commands/watch.h"

#define SIMULATION                                                                                                     \
    KW_OPT_OUT, KW_OPT_PROFILE, KW_OPT_PLATFORMS, KW_OPT_THREADS, KW_OPT_SET, KW_OPT_SLO, KW_OPT_SEED,                 \
        KW_OPT_REPLICATIONS, KW_OPT_PRECISE, KW_OPT_JSON, KW_OPT_CSV, KW_OPT_QUIET
#define PLACES                                                                                                         \
    "Relative paths in the scenario (trace, profiles, platforms) are looked for in its folder, then in\n"              \
    "the working folder; those on the command line in the working folder."
#define ENGINE                                                                                                         \
    KW_OPT_MODEL, KW_OPT_BACKEND, KW_OPT_PRECISION, KW_OPT_DEVICE, KW_OPT_THREADS, KW_OPT_SEED, KW_OPT_SYNTHETIC,      \
        KW_OPT_MAX_LEN, KW_OPT_MAX_SEQS, KW_OPT_MAX_BATCHED, KW_OPT_BLOCK_SIZE, KW_OPT_NUM_BLOCKS, KW_OPT_EAGER,       \
        KW_OPT_LOAD, KW_OPT_QUIET

const struct kw_command kw_commands[] = {
    { "plan",
      "[SCENARIO.json]",
      "the cheapest configuration and keep-warm count that meets the objectives",
      "Replays the trace against every platform, GPU, precision and keep-warm count that exists, fits and\n"
      "can carry the load, and ranks them. Needs a scenario file, or --trace and --model.\n"
      "-p takes kinds too: api is billed by the token (serverless per-token, of open models), serverless\n"
      "by GPU time, dedicated is rented.\n"
      "Step times come from the best profile of each GPU, model, precision and tp: measured before\n"
      "published before estimated, and of equal ones the user's. Profiles of the user's are the *.json of\n"
      "the folder $KEEPWARM_PROFILES (./profiles where it is not set; none where it is empty), and those\n"
      "given with --profile. The result names what was taken.\n"
      "--break-even and --volume also plan the best of each kind (API, serverless, dedicated) at other\n"
      "volumes of the same traffic, 1/1000 to 1000 times of it: more is whole copies, less is fewer of\n"
      "its bursts, so days and bursts keep their shape. With --csv they print a row a volume and kind.\n"
      "--curves tells cost, TTFT p95, cold requests and attainment at each keep_warm, with intervals of\n"
      "95 %, of every platform's best offer, which a plan else tells of the best alone. --pareto simulates\n"
      "every candidate, those too dear to be the best too, and lists the frontier of cost against TTFT p95;\n"
      "with --csv both print a row a configuration.\n"
      "--precision P% simulates as many drawings of the days as it takes to know the mean cost, and each\n"
      "percentile that has an objective, within P per cent: 11 to 256 replications in the place of -r.\n" PLACES,
      "keepwarm plan --trace requests.csv --model llama-3.1-8b --slo ttft_p95=2s  # no file at all\n"
      "keepwarm plan chat.json -o plan.h5          # keep everything for notebooks and reprice\n"
      "keepwarm plan chat.json --platform modal --platform lambda --break-even\n"
      "keepwarm plan --trace log.csv --model gpt-4o --substitute llama-3.3-70b=0.9 # open models too\n"
      "keepwarm plan chat.json --require hipaa --require soc2 # attributes of `keepwarm platforms list`\n"
      "keepwarm plan chat.json --volume 50M,500M,2B,10B # tokens a month, the same shape of day\n"
      "keepwarm plan chat.json --profile H100-llama-3.1-8b-bf16-tp1.json # measured by calibrate",
      { SIMULATION, KW_OPT_TRACE, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_MODEL, KW_OPT_PLATFORM,
        KW_OPT_REQUIRE, KW_OPT_SUBSTITUTE, KW_OPT_ALLOW_UNKNOWN, KW_OPT_EXHAUSTIVE, KW_OPT_ALL, KW_OPT_BREAKEVEN,
        KW_OPT_VOLUME, KW_OPT_CURVES, KW_OPT_PARETO, KW_OPTIONS },
      0,
      1,
      kw_cli_plan },
    { "init",
      "",
      "a commented scenario to begin with",
      "Writes every key most scenarios need, each with a word on what it does: to -o FILE, which must not\n"
      "exist, else to standard output. What it writes runs as it is.",
      "keepwarm init --trace requests.csv --model llama-3.1-8b -o chat.json && keepwarm plan chat.json",
      { KW_OPT_OUT, KW_OPT_TRACE, KW_OPT_MODEL, KW_OPTIONS },
      0,
      0,
      kw_cli_init },
    { "run",
      "SCENARIO.json",
      "one configuration in full: latencies, errors, and what a month costs",
      PLACES,
      "keepwarm run chat.json -o run.h5            # the result has a row for every request\n"
      "keepwarm run chat.json --set deployments[main].keep_warm=2",
      { SIMULATION, KW_OPT_RECORDS, KW_OPTIONS },
      1,
      1,
      kw_cli_run },
    { "sweep",
      "SCENARIO.json",
      "every point of the scenario's \"sweep\" grid",
      PLACES,
      "keepwarm sweep chat.json -o sweep.h5 -j 8\n"
      "keepwarm sweep chat.json --set 'sweep={\"deployments[main].keep_warm\": [0, 1, 2]}' --csv",
      { SIMULATION, KW_OPT_ALL, KW_OPTIONS },
      1,
      1,
      kw_cli_sweep },
    { "rerun",
      "RESULT.h5",
      "simulate again what a result file says, to the same bytes",
      "Reads the scenario kept in the file and refuses a trace with another checksum. Files it names are\n"
      "looked for where the scenario was, beside the result, and in the working folder.",
      "keepwarm rerun plan.h5 -o again.h5",
      { KW_OPT_OUT, KW_OPT_THREADS, KW_OPT_TRACE, KW_OPT_FORCE, KW_OPT_JSON, KW_OPT_CSV, KW_OPT_QUIET, KW_OPT_ALL,
        KW_OPTIONS },
      1,
      1,
      kw_cli_rerun },
    { "reprice",
      "RESULT.h5",
      "today's prices for a result's usage, with no new simulation",
      "Prices come from the platforms built in; a platform file given with --platform replaces the one of\n"
      "its name. --slo judges by other objectives, each class and model by itself; attainment and goodput\n"
      "stay those of the simulation. Of several models each is ranked by itself, and the sum is told.",
      "keepwarm reprice plan.h5\nkeepwarm reprice plan.h5 --platform my-modal.json",
      { KW_OPT_PLATFORM, KW_OPT_PLATFORMS, KW_OPT_SLO, KW_OPT_JSON, KW_OPT_CSV, KW_OPT_ALL, KW_OPTIONS },
      1,
      1,
      kw_cli_reprice },
    { "compare",
      "A.h5 B.h5",
      "two results side by side, configuration by configuration",
      "",
      "keepwarm compare before.h5 after.h5\n"
      "keepwarm compare before.h5 after.h5 --csv",
      { KW_OPT_JSON, KW_OPT_CSV, KW_OPT_ALL, KW_OPTIONS },
      2,
      2,
      kw_cli_compare },
    { "bill",
      "LOG",
      "what a log's tokens cost at an API, beside what its provider charged",
      "",
      "keepwarm bill spend.csv --platform openai --focus costs.csv\n"
      "keepwarm bill spend.csv --platform anthropic --invoice 1234.56",
      { KW_OPT_PLATFORM, KW_OPT_PLATFORMS, KW_OPT_MODEL, KW_OPT_TERM, KW_OPT_FOCUS, KW_OPT_INVOICE, KW_OPT_FORMAT,
        KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_JSON, KW_OPT_QUIET, KW_OPTIONS },
      1,
      1,
      kw_cli_bill },
    { "watch",
      "[LOG[=SOURCE]...]",
      "what logs cost, by platform, model, key, team and tag, hour by hour",
      "LOG is a gateway's log or a provider's export, priced by its tokens at the --platform that sells\n"
      "each request's model, else by the cost that the log itself states. LOG=PLATFORM:GPUxN is the log of\n"
      "what ran on N GPUs: rented from its first request to its last, or, of a serverless platform, billed\n"
      "by the GPU time that it tells (--columns gpu=NAME:ms). cold=NAME and start=NAME:ms tell of cold\n"
      "starts; key, team, tag and cost name other columns than the known ones. A log without dates wants\n"
      "--date. LOG=costs:NAME costs what the --costs export (FOCUS, all of its files) charges in rows with\n"
      "NAME in their service, provider, resource, description, meter or tags: EffectiveCost, by the day or\n"
      "hour of the row, shared by the tokens of that time. What falls on times without a log or is of no\n"
      "log here is said; requests whose charge is to come wait for it, outside of $/Mtok. A later export\n"
      "replaces what it covers again. Tables are of the last 30 days. --state keeps what was counted: a\n"
      "log that is in it is known by its bytes and left out, one that has grown is read from where it\n"
      "ended, and a watch that is killed loses nothing. Of logs that overlap, rotated or exported anew,\n"
      "requests whose ids were counted at the same moment are left out and told: ids of the last 8 days\n"
      "and 4 million requests are kept. A last line without its newline is left for the next time.\n"
      "Anomalies are hours that cost more than the same hour of earlier days, working days and weekends\n"
      "apart, lets expect; holidays are not known. --budget is of a calendar month (UTC): its spending goes\n"
      "on as in the last seven days, with an interval of 95 %, and where that is too much the exit code\n"
      "is 4. --savings plans the requests of the log's dearest model on machines with a model whose shape\n"
      "is known (in seconds to minutes, of one log) and says in a sentence what they would cost, and why.\n",
      "keepwarm watch spend.csv --platform openai --platform anthropic\n"
      "keepwarm watch logs/*.jsonl --platform openai --state watch.h5 # every night: reads what is new\n"
      "keepwarm watch spend.csv vllm.jsonl=lambda:H100x2 --platform openai --json\n"
      "keepwarm watch vllm.jsonl=costs:SageMaker spend.csv --platform openai --costs focus.csv.gz\n"
      "keepwarm watch --state watch.h5 --budget 5000 || mail -s 'over budget' finops@example.com\n"
      "keepwarm watch logs/*.jsonl --state watch.h5 --metrics /var/lib/node_exporter/keepwarm.prom -q\n"
      "keepwarm watch spend.csv --platform openai --savings llama-3.3-70b --slo ttft_p95=2s\n"
      "keepwarm watch jobs.jsonl=runpod:H100 --columns gpu=executionTime:ms,start=delayTime:ms",
      { KW_OPT_PLATFORM, KW_OPT_PLATFORMS, KW_OPT_MODEL, KW_OPT_COSTS, KW_OPT_STATE, KW_OPT_SPEND, KW_OPT_SAVINGS,
        KW_OPT_METRICS, KW_OPT_SLO, KW_OPT_DATE, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_JSON, KW_OPT_ALL,
        KW_OPT_QUIET, KW_OPTIONS },
      0,
      KW_CLI_MAX_LIST,
      kw_cli_watch },
    { "brief",
      "",
      "the numbers this project began with, by their own assumptions, and simulated",
      "Costs by volume, prices, cold starts, and what a guide of early 2026 concludes from them: each as\n"
      "it stands there, as its own assumptions make it, and beside it what a replay of a week finds.\n"
      "It takes about a minute.",
      "keepwarm brief",
      { KW_OPT_THREADS, KW_OPT_QUIET, KW_OPTIONS },
      0,
      0,
      kw_cli_brief },
    { "report",
      "RESULT.h5",
      "one HTML page of a result, pictures included, nothing to install",
      "",
      "keepwarm report plan.h5 -o report.html",
      { KW_OPT_OUT, KW_OPTIONS },
      1,
      1,
      kw_cli_report },
    { "schema",
      "",
      "the JSON Schema of a scenario file, for editors",
      "",
      "keepwarm schema > scenario.schema.json",
      { KW_OPTIONS },
      0,
      0,
      kw_cli_schema },
    { "models",
      "",
      "the models whose shape is known, and the profiles there are of each",
      "",
      "keepwarm models",
      { KW_OPTIONS },
      0,
      0,
      kw_cli_models },
    { "trace info",
      "FILE",
      "what a trace looks like: rate, burstiness, token lengths, a picture",
      "Where the log says when first tokens came and answers ended, also how long they took; with\n"
      "--platform and --model beside what the law of that API says of these requests.",
      "keepwarm trace info requests.csv.gz\ncat requests.jsonl | keepwarm trace info -\n"
      "keepwarm trace info spend.csv --platform openai --model gpt-4.1",
      { KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_PLATFORM, KW_OPT_MODEL, KW_OPT_JSON, KW_OPTIONS },
      1,
      1,
      kw_cli_trace_info },
    { "trace formats", "", "the trace formats that are read", "", "", { KW_OPTIONS }, 0, 0, kw_cli_trace_formats },
    { "trace convert",
      "FILE",
      "any trace to HDF5 columns, which load fastest",
      "",
      "keepwarm trace convert requests.csv -o requests.h5",
      { KW_OPT_OUT, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPTIONS },
      1,
      1,
      kw_cli_trace_convert },
    { "trace synth",
      "MODEL.json",
      "draw a trace from a workload model",
      "",
      "keepwarm trace synth workloads/chat-week.json -o week.h5 --seed 7",
      { KW_OPT_OUT, KW_OPT_SEED, KW_OPTIONS },
      1,
      1,
      kw_cli_trace_synth },
    { "trace fit",
      "FILE",
      "turn a trace into a workload model that draws traces like it",
      "",
      "keepwarm trace fit requests.csv -o mine.json",
      { KW_OPT_OUT, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_SEED, KW_OPT_NAME, KW_OPT_START_HOUR,
        KW_OPT_ORIGIN, KW_OPT_LICENCE, KW_OPT_DATE, KW_OPTIONS },
      1,
      1,
      kw_cli_trace_fit },
    { "platforms list",
      "",
      "the platforms built in: kinds, cheapest price, meter, grade",
      "--require leaves out those without an attribute, or of which it is not known: data_in_account,\n"
      "no_training, zero_retention, hipaa, soc2, iso27001, custom_weights, lora.\n",
      "keepwarm platforms list --require hipaa --require soc2",
      { KW_OPT_REQUIRE, KW_OPT_PLATFORMS, KW_OPTIONS },
      0,
      0,
      kw_cli_platforms_list },
    { "platforms show",
      "NAME|FILE.json",
      "every fact of a platform with its source, date and grade",
      "With --model also the profile at hand for it on each GPU offered, and how long its cold starts take,\n"
      "phase by phase, with grade and source.",
      "keepwarm platforms show modal\nkeepwarm platforms show modal --model llama-3.1-8b",
      { KW_OPT_MODEL, KW_OPT_PROFILE, KW_OPT_PLATFORMS, KW_OPTIONS },
      1,
      1,
      kw_cli_platforms_show },
    { "platforms check",
      "FILE.json...",
      "is a platform file sound, and how old are its prices?",
      "",
      "keepwarm platforms check my-modal.json",
      { KW_OPT_AT, KW_OPTIONS },
      1,
      64,
      kw_cli_platforms_check },
    { "platforms import",
      "CATALOGUE...",
      "prices, windows and ends from a catalogue as you download it",
      "Reads genai-prices data.json, LiteLLM model_prices_and_context_window.json, models.dev api.json,\n"
      "OpenRouter /api/v1/models, and a cloud's vms.csv of SkyPilot; which one it is, its content says.\n"
      "Lists fact by fact what differs from the files in effect, what is new and what is absent there, and\n"
      "counts what was left out. The newer value wins; one here that is of the same day or later stays, and\n"
      "so does one of your own. -o writes each platform that changes as a file into FOLDER, which plan\n"
      "--platforms takes; an import into a folder goes on from what lies there. --platform limits it to\n"
      "platforms of ours, and takes providers of the catalogue that are none: they become one. OpenRouter's\n"
      "list becomes platform openrouter. --region cheapest takes each machine where it costs least.",
      "keepwarm platforms import model_prices_and_context_window.json\n"
      "keepwarm platforms import data.json aws/vms.csv --date 2026-11-28 -o newer\n"
      "keepwarm platforms import api.json --platform mistral --add gpt-7=gpt-7-2027 -o newer\n"
      "keepwarm plan chat.json --platforms newer",
      { KW_OPT_OUT, KW_OPT_DATE, KW_OPT_PLATFORM, KW_OPT_PLATFORMS, KW_OPT_ADD, KW_OPT_REGION, KW_OPT_ALL, KW_OPT_JSON,
        KW_OPT_QUIET, KW_OPTIONS },
      1,
      16,
      kw_cli_platforms_import },
    { "calibrate show",
      "[PROFILE]",
      "a profile's tables, grades and ages; all profiles when none is named",
      "",
      "keepwarm calibrate show\nkeepwarm calibrate show H100-llama-3.1-8b-bf16-tp1",
      { KW_OPT_PROFILE, KW_OPT_JSON, KW_OPTIONS },
      0,
      1,
      kw_cli_calibrate_show },
    { "calibrate import",
      "[TABLE.csv...]",
      "fit a profile to your tables of step times, or to published ones",
      "A TABLE is whole steps that you timed: batch,context,ms (sequences, tokens of each in the KV cache)\n"
      "and tokens,past,ms (a prompt and what was there before it), in two files or one; or the layers of a\n"
      "dense model at --tp, as Vidur (mlp.csv, attention.csv, all_reduce.csv) and LLMServingSim have them.\n"
      "Headers tell them apart. KV cache, limits and loading are as known of that GPU and model; so is\n"
      "what the tables do not tell, which is said. Errors are of points left out. --origin is of tables\n"
      "that others published. Without a TABLE the published ones of --source are taken.",
      "keepwarm calibrate import steps.csv --gpu H100 --model llama-3.1-8b -o profiles/mine.json\n"
      "keepwarm calibrate import mlp.csv attention.csv --gpu A100 --model llama-3.1-8b --tp 2 -o my.json\n"
      "keepwarm calibrate import --gpu H100 --model llama-3.1-8b --precision bf16 --tp 1 -o profile.json",
      { KW_OPT_SOURCE, KW_OPT_GPU, KW_OPT_MODEL, KW_OPT_PRECISION, KW_OPT_TP, KW_OPT_ORIGIN, KW_OPT_DATE, KW_OPT_OUT,
        KW_OPTIONS },
      0,
      KW_CLI_MAX_LIST,
      kw_cli_calibrate_import },
    { "calibrate measure",
      "",
      "time our engine over batches, contexts, prompts and cold starts",
      "Writes a line a point as it is measured; killed or out of budget, run it again and it goes on.\n"
      "What is left of the budget after the grid goes where the fit is least certain. --starts loads a\n"
      "folder through the page cache and by O_DIRECT (and with --rate an emulated network; a copy of it in\n"
      "/dev/shm counts as tmpfs), each start in a process of its own.",
      "keepwarm calibrate measure --model llama-3.1-8b --budget 15m -o points.jsonl\n"
      "keepwarm calibrate measure --model ./checkpoint --starts 5 -o points.jsonl",
      { ENGINE, KW_OPT_BUDGET, KW_OPT_STARTS, KW_OPT_RATE, KW_OPT_OUT, KW_OPTIONS },
      0,
      0,
      kw_cli_calibrate_measure },
    { "calibrate fit",
      "[POINTS.jsonl]",
      "a profile from measured points, or from a server's log, with its errors",
      "Errors are leave-one-out; the worst points are named. --gpu names the device where its driver\n"
      "does not.\n"
      "--requests is a log that says when each answer's first and last token came: of your gateway, or what\n"
      "vllm bench serve --save-detailed, GuideLLM or AIPerf left (other names: --columns). Who was decoding\n"
      "beside whom gives the steps' law, with intervals of 95 % by blocks of requests; the law of one half\n"
      "is judged on the other. KV cache, limits and loading are as known of --gpu, --model and --tp, or of\n"
      "a --profile. One replica alone: of several, take one's requests.",
      "keepwarm calibrate fit points.jsonl -o H200-llama-3.1-8b-bf16-tp1.json\n"
      "keepwarm calibrate fit --requests bench.json --gpu H100 --model llama-3.1-8b -o profiles/mine.json",
      { KW_OPT_OF_REQUESTS, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_GPU, KW_OPT_MODEL, KW_OPT_PRECISION,
        KW_OPT_TP, KW_OPT_PROFILE, KW_OPT_SEED, KW_OPT_OUT, KW_OPT_QUIET, KW_OPTIONS },
      0,
      1,
      kw_cli_calibrate_fit },
    { "calibrate observe",
      "",
      "load a live server a little, and fit a profile to when its answers came",
      "Sends --requests completions to --url in a ladder of --concurrency: prompts of random tokens of the\n"
      "lengths --prompts, answers of a quarter to all of --max-tokens, for --budget at most. How much that\n"
      "is at most is said before it begins. Reads the streams, and /metrics where there is such a page (KV\n"
      "blocks, what waits, whether others are served). Then as fit --requests: the law of steps, intervals\n"
      "of 95 % and the error of one half's law on the other. KEEPWARM_API_KEY is sent as the bearer token.\n"
      "Nothing is written of a load that breaks. Ten minutes do: --budget 10m --requests 2000.",
      "keepwarm calibrate observe --url http://127.0.0.1:8000 --gpu H100 --model llama-3.1-8b -o a.json\n"
      "keepwarm calibrate observe --url http://host:8000 --concurrency 1,8,64 --profile a.json -o b.json",
      { KW_OPT_URL, KW_OPT_NAME, KW_OPT_CONCURRENCY, KW_OPT_LENGTHS, KW_OPT_MAX_TOKENS, KW_OPT_REQUESTS, KW_OPT_BUDGET,
        KW_OPT_GPU, KW_OPT_MODEL, KW_OPT_PRECISION, KW_OPT_TP, KW_OPT_PROFILE, KW_OPT_SEED, KW_OPT_OUT, KW_OPT_QUIET,
        KW_OPTIONS },
      0,
      0,
      kw_cli_calibrate_observe },
    { "calibrate fit-api",
      "LOG",
      "the latency of an API from your own log of its answers",
      "Fits TTFT by the prompt's length, and the output rate, to the requests whose log says when the first\n"
      "token came and when the answer ended; what does not say it is left out and counted. Intervals are of\n"
      "95 %, by hours of the log. Prints the law, what it says of the log's own requests, and the keys of a\n"
      "scenario's deployment; -o writes the platform's file with the law in it, for plan --platform FILE.\n"
      "Columns of other names: --columns ttft=NAME:ms,e2e=NAME:ms, or first=TIME,end=TIME.",
      "keepwarm calibrate fit-api spend.csv --platform openai --model gpt-4.1 -o my-openai.json\n"
      "keepwarm plan --trace spend.csv --model gpt-4.1 --platform my-openai.json",
      { KW_OPT_PLATFORM, KW_OPT_MODEL, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_SEED, KW_OPT_OUT,
        KW_OPT_JSON, KW_OPT_QUIET, KW_OPTIONS },
      1,
      1,
      kw_cli_calibrate_fit_api },
    { "calibrate convert",
      "POINTS.jsonl",
      "measured points as HDF5 columns",
      "",
      "keepwarm calibrate convert points.jsonl -o points.h5",
      { KW_OPT_OUT, KW_OPTIONS },
      1,
      1,
      kw_cli_calibrate_convert },
    { "calibrate scale",
      "PROFILE",
      "a profile carried to another GPU, model or precision, and its error",
      "By the roofline. The error is that of doing the same between all published profiles built in that\n"
      "differ in just that.",
      "keepwarm calibrate scale H200-llama-3.1-8b-bf16-tp1 --gpu L40S -o guess.json\n"
      "keepwarm calibrate scale H100-llama-3.1-8b-bf16-tp4 --model llama-3.1-70b -o guess.json",
      { KW_OPT_GPU, KW_OPT_MODEL, KW_OPT_PRECISION, KW_OPT_OUT, KW_OPTIONS },
      1,
      1,
      kw_cli_calibrate_scale },
    { "calibrate validate",
      "[PROFILE.json]",
      "serve on our engine and simulate the same: how far apart?",
      "The engine serves --trace (its first --requests) or synthetic traffic in bursts, so fast that it\n"
      "offers each of --loads of the simulated capacity; its own spread from run to run stands beside the\n"
      "error. A run beside which other processes took over 3 % of the machine is served again; where they\n"
      "never rest, leave them a core (-j), run under nice -n -20 and say --max-contention 1. Where the\n"
      "machine itself changes its speed, --interleaved measures before and after each run (for --budget at\n"
      "each load) and judges it by a profile of just that. -o keeps every request, every batch over time\n"
      "and all errors as HDF5.",
      "keepwarm calibrate validate tiny.json --loads 0.5,0.8 --runs 5 -o validate.h5\n"
      "keepwarm calibrate validate --model tiny --interleaved points.jsonl --loads 0.8 -o validate.h5\n"
      "keepwarm calibrate validate tiny.json --loads 0.8 --num-blocks 200 # when KV blocks run out",
      { ENGINE, KW_OPT_TRACE, KW_OPT_FORMAT, KW_OPT_COLUMNS, KW_OPT_STRICT, KW_OPT_REQUESTS, KW_OPT_BURST,
        KW_OPT_MAX_CONTENTION, KW_OPT_LOADS, KW_OPT_RUNS, KW_OPT_INTERLEAVED, KW_OPT_BUDGET, KW_OPT_POLICY, KW_OPT_JSON,
        KW_OPT_OUT, KW_OPTIONS },
      0,
      1,
      kw_cli_calibrate_validate },
    { "engine generate",
      "",
      "answer one prompt with the real engine",
      "--model is a Hugging Face checkpoint folder, or the name of a shape, which then has random weights.",
      "keepwarm engine generate --model tiny --ids 1,2,3\n"
      "keepwarm engine generate --model ./Llama-3.2-1B --prompt 'The capital of France is' -n 16",
      { ENGINE, KW_OPT_PROMPT, KW_OPT_IDS, KW_OPT_MAX_TOKENS, KW_OPT_TEMPERATURE, KW_OPT_TOP_K, KW_OPT_TOP_P,
        KW_OPT_JSON, KW_OPTIONS },
      0,
      0,
      kw_cli_engine_generate },
    { "engine start",
      "",
      "one cold start, phase by phase, from before exec to the first token",
      "Three figures: weights, process to ready, process to first token. Phases overlap, so beside their\n"
      "sum stands the critical path: from the phase that ended last, each time the one that ended last\n"
      "before it began. --load network, with --rate, emulates remote storage. Whether a file is in the\n"
      "page cache is up to you.",
      "keepwarm engine start --model ./Llama-3.2-1B --load direct\n"
      "keepwarm engine start --model ./Llama-3.2-1B --load network --rate 1.25 --json",
      { ENGINE, KW_OPT_RATE, KW_OPT_JSON, KW_OPTIONS },
      0,
      0,
      kw_cli_engine_start },
    { "engine synth-weights",
      "",
      "write a checkpoint of a model's true shape with random weights",
      "In bf16, fp16 or fp32; fp8 is made from those when the engine loads them with --precision fp8.",
      "keepwarm engine synth-weights --model llama-3.2-1b -o ./random-1b",
      { KW_OPT_MODEL, KW_OPT_OUT, KW_OPT_PRECISION, KW_OPT_SEED, KW_OPT_QUIET, KW_OPTIONS },
      0,
      0,
      kw_cli_engine_synth_weights },
    { "engine serve-trace",
      "TRACE",
      "replay a trace on the real engine in real time; what each request took",
      "Prompts are synthetic, of the trace's lengths. -o FILE.h5 keeps every request and every step;\n"
      "FILE.jsonl does so as JSON lines (steps in FILE.steps.jsonl). Both are traces again.",
      "keepwarm engine serve-trace requests.csv --model tiny --speed 10 -o served.h5",
      { ENGINE, KW_OPT_POLICY, KW_OPT_ASYNC, KW_OPT_PREFIX_CACHING, KW_OPT_SPEED, KW_OPT_LIMIT, KW_OPT_FORMAT,
        KW_OPT_COLUMNS, KW_OPT_OUT, KW_OPT_JSON, KW_OPTIONS },
      1,
      1,
      kw_cli_engine_serve_trace },
    { "engine bench",
      "",
      "how fast the engine runs, beside what the device could do at best",
      "pp512 is a prompt of 512 tokens, tg128 128 decode steps of a batch, from a context that is already\n"
      "in the KV cache. A CPU's limits are measured first, a GPU's are of its data sheet. --limit ends each\n"
      "row after so many seconds.",
      "keepwarm engine bench --model tiny --batch 1,8,64 --context 0,512",
      { ENGINE, KW_OPT_PROMPTS, KW_OPT_BATCHES, KW_OPT_CONTEXTS, KW_OPT_REPEAT, KW_OPT_LIMIT, KW_OPT_JSON, KW_OPTIONS },
      0,
      0,
      kw_cli_engine_bench },
    { "engine serve",
      "",
      "serve a model over OpenAI-compatible HTTP",
      "POST /v1/completions (whole or streamed), GET /v1/models, /health, /metrics (Prometheus).\n"
      "On the loopback address unless --host says otherwise; there is no TLS and no key, so put a\n"
      "proxy before anything wider. Beyond --max-num-seqs running and --max-queue waiting the answer is\n"
      "429. SIGTERM finishes what runs.",
      "keepwarm engine serve --model tiny --port 8000\n"
      "curl -N --json '{\"prompt\": [1, 2, 3], \"stream\": true}' localhost:8000/v1/completions",
      { ENGINE, KW_OPT_POLICY, KW_OPT_ASYNC, KW_OPT_PREFIX_CACHING, KW_OPT_HOST, KW_OPT_PORT, KW_OPT_MAX_QUEUE,
        KW_OPT_MAX_BODY, KW_OPT_TIMEOUT, KW_OPT_DRAIN, KW_OPTIONS },
      0,
      0,
      kw_cli_engine_serve },
    { NULL, NULL, NULL, NULL, NULL, { KW_OPTIONS }, 0, 0, NULL },
};

const struct kw_command_group kw_command_groups[] = {
    { "trace", "look at, convert, fit and draw traces" },
    { "platforms", "what platforms bill and how they scale, each fact with its source" },
    { "calibrate", "import, measure, observe, fit, show and validate engine profiles" },
    { "engine", "generate, serve and time with the real inference engine" },
    { NULL, NULL },
};
