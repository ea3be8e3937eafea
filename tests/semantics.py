"""tests/semantics.py [--print] - the table "What each platform does" of ARCHITECTURE.md says what the platform files say, and each
cell's letter stands for a test that exists: FILE defines NAME. --print prints the tables as they should be. Run from the top
of the tree."""
import glob
import json
import os
import re
import sys

TESTS = {
    "a": ("tests/platforms/test_semantics.c", "a_start_is_billed_from_where_the_meter_starts"),
    "b": ("tests/platforms/test_semantics.c", "a_life_is_rounded_up_as_the_platform_says"),
    "c": ("tests/platforms/test_semantics.c", "an_import_is_billed_in_windows"),
    "d": ("tests/platforms/test_semantics.c", "a_start_that_fails_is_billed_or_not"),
    "e": ("tests/platforms/test_semantics.c", "the_idle_tail_is_as_long_as_the_default"),
    "f": ("tests/sim/fleet/test_pool.c", "the_surplus_that_idled_longest_stops_and_the_last_waits_for_the_zero_timeout"),
    "g": ("tests/sim/fleet/test_pool.c", "at_zero_a_platform_queues_rejects_or_stays_stopped"),
    "h": ("tests/sim/fleet/test_fleet.c", "a_stopped_pool_stays_stopped_while_its_requests_go_elsewhere"),
    "i": ("tests/sim/fleet/test_scaler.c", "capacity_counts_what_waits_beside_what_is_busy"),
    "j": ("tests/sim/fleet/test_scaler.c", "queue_delay_adds_one_a_delay"),
    "k": ("tests/sim/fleet/test_scaler.c", "queue_grows_by_one_while_the_starts_do_not_suffice"),
    "l": ("tests/sim/fleet/test_scaler.c", "load_target_averages_up_and_waits_down"),
    "m": ("tests/sim/fleet/test_scaler.c", "concurrency_multiplies_target_and_utilisation"),
    "n": ("tests/sim/fleet/test_scaler.c", "fixed_wants_its_floor"),
    "o": ("tests/sim/cost/test_usage.c", "dedicated_pays_for_what_it_rents"),
    "p": ("tests/sim/cost/test_usage.c", "api_counts_tokens"),
    "q": ("tests/sim/fleet/test_api_endpoint.c", "counting_rules"),
    "r": ("tests/sim/fleet/test_api_endpoint.c", "openai_counts_refused_calls"),
    "s": ("tests/sim/fleet/test_api_endpoint.c", "output_tokens_per_minute_admit_while_any_are_left"),
    "t": ("tests/sim/fleet/test_api_endpoint.c", "a_refund_settles_the_minute_and_the_day"),
    "u": ("tests/platforms/test_semantics.c", "at_zero_each_answers_as_it_says"),
    "v": ("tests/platforms/test_semantics.c", "each_is_scaled_by_its_own_signal"),
    "x": ("tests/sim/fleet/test_scaler.c", "request_count_divides_and_rounds_up"),
    "w": ("tests/platforms/test_semantics.c", "each_quota_counts_by_its_own_rule"),
    "y": ("tests/sim/fleet/test_units.c", "a_window_takes_what_it_has_left"),
    "z": ("tests/sim/fleet/test_units.c", "utilisation_admits_below_all_and_drains"),
    "A": ("tests/sim/fleet/test_units.c", "split_counts_input_and_output_apart"),
}
S = "tests/sim/fleet/test_self_managed.c"
TESTS.update({
    "B": (S, "hpa_divides_and_tolerates"), "C": (S, "hpa_doubles_at_most_and_four_at_first"),
    "D": (S, "hpa_shrinks_to_the_largest_of_five_minutes"), "E": (S, "several_triggers_take_the_largest"),
    "F": (S, "keda_polls_from_zero_and_cools_down"), "G": (S, "behavior_limits_how_far_within_a_period"),
    "H": ("tests/sim/fleet/test_scaler_kpa.c", "kpa_decides_as_the_published_source"), "I": (S, "ray_waits_thirty_to_forty_seconds"),
    "J": (S, "ray_goes_down_in_ten_minutes_and_to_zero_from_one"), "K": (S, "ray_counts_in_a_row"),
    "L": (S, "sky_takes_fifteen_decisions_up_and_sixty_down"), "M": (S, "sky_looks_every_five_seconds_at_zero"),
    "N": (S, "dynamo_adds_one_and_takes_one"), "O": ("tests/sim/fleet/test_nodes.c", "replicas_are_packed"),
    "P": ("tests/sim/fleet/test_nodes.c", "skyserve_refuses_and_starts"),
    "Q": ("tests/sim/fleet/test_nodes.c", "keda_from_the_first_request_to_the_last_node"),
    "R": ("tests/platforms/test_autoscalers.c", "defaults_are_theirs"),
})
COLUMNS = ["platform", "meter starts", "start-up billed", "idle tail", "at zero", "scaling signal", "quota rule"]
SIGNAL = {"capacity": ("free slots", "i"), "queue_delay": ("queue delay", "j"), "queue": ("queue", "k"),
          "request_count": ("requests over a target", "x"), "load_target": ("load over a target", "l"),
          "concurrency": ("requests in flight", "m"), "fixed": ("none", "n")}
RULE = {"max_of_max_tokens_and_estimate": ("max_tokens or the estimate, the larger", "qr"),
        "estimate_then_settle": ("estimate, then settled", "qs"),
        "reserve_then_refund": ("max_tokens reserved, the rest refunded", "qt"), "reserve_max_tokens": ("max_tokens reserved", "q"), "actual": ("tokens used", "q")}
UNITS = {"window": ("what a window has left", "y"), "utilisation": ("below 100 % in use", "z"), "split": ("input and output apart", "A")}
START = ["provision", "pull", "load", "init"]


def value(x):
    return x["value"] if isinstance(x, dict) and "value" in x else x


def duration(s):
    s = int(s)
    return f"{s // 3600} h" if s % 3600 == 0 else f"{s // 60} min" if s % 60 == 0 else f"{s} s"


def sure(word):
    """The word of a meter's phase, with a question mark where the provider does not say it."""
    return "" if word in ("yes", "no") else "?"


def serverless(d):
    bills = {k: value(v) for k, v in d["meter"]["bills"].items()}
    scaling = {k: value(v) for k, v in d.get("scaling", {}).items()}
    paid = [k for k in START if bills[k].endswith("yes")]
    first = paid[0] if paid else "active"
    windows = value(d["meter"].get("window_s"))
    at = (f"first success, windows of {duration(windows)}" if windows else
          "ready" if first == "active" else first + sure(bills[first]))
    row = [d["name"], at + " [a]",
           (", ".join(k + sure(bills[k]) for k in paid) or "nothing") + (" [c]" if windows else " [ab]")]
    row[2] = row[2][:-1] + "d]"
    if not scaling:
        return row + ["not found"] * 3 + ["-"]
    zero = scaling.get("zero_timeout_s")
    row.append(duration(scaling["idle_timeout_s"]) + (f", the last {duration(zero)}" if zero else "") + (" [ef]" if zero else " [e]"))
    answer = {"queue": "queued [gu]", "stopped": "refused until started by hand [hu]",
              "reject_and_start": f"{scaling.get('reject_code')}, starts one [gu]"}
    row.append(answer[scaling["at_zero"]])
    row.append("%s [%sv]" % SIGNAL[scaling["scaler"]])
    return row + ["-"]


def rows():
    files = [json.load(open(f, encoding="utf-8")) for f in sorted(glob.glob("platforms/*.json")) if "schema" not in f]
    out = [serverless(d) for d in files if d["kind"] == "serverless"]
    rented = [d["name"] for d in files if d["kind"] == "dedicated"]
    out.append([", ".join(rented), "when rented [o]", "all [o]", "-", "-", "%s [%sv]" % SIGNAL["fixed"], "-"])
    for d in files:
        if d["kind"] == "api":
            rules = {value(t["rule"]) for t in d["tiers"].values()}
            quota = ["%s [%sw]" % RULE[r] for r in sorted(rules)]
            if "provisioned" in d:
                quota.append("%s: %s [%s]" % (d["provisioned"]["unit"], *UNITS[value(d["provisioned"]["rule"])]))
            out.append([d["name"], "tokens [p]", "-", "-", "-", "-", "; ".join(quota)])
    return out


OWN_COLUMNS = ["autoscaler", "signal", "looks", "up", "down", "to zero", "a node goes"]


def own_rows():
    """What users run on machines they rent, by the defaults of each file."""
    out = []
    for path in sorted(glob.glob("platforms/autoscalers/*.json")):
        d = json.load(open(path, encoding="utf-8"))
        default = {k: v.get("default") for k, v in {**d["parameters"], **d.get("constants", {})}.items()}
        t = lambda k: duration(default[k])
        idle, packed = int(value(d["node"]["idle_s"])), value(d["node"]["places"]) == "packed"
        gone = (f"{duration(idle)} after its last replica" if idle else "with its replica") + (", packed [OQ]" if packed else " [P]")
        cells = {
            "hpa": lambda: ["metrics over thresholds, the largest [BE]", f"{t('horizontal-pod-autoscaler-sync-period')}; {t('pollingInterval')} at zero [F]",
                            "to twice as many, or 4 [CG]", f"to the most of {t('horizontal-pod-autoscaler-downscale-stabilization')} [D]",
                            f"{t('cooldownPeriod')} after the last activity [F]"],
            "kpa": lambda: ["requests in flight over a target [H]", f"{t('tick-interval')} [R]", f"mean of {t('stable-window')}, at once in panic [H]",
                            f"mean of {t('stable-window')} [H]", f"{t('stable-window')} without a request [R]"],
            "ray_serve": lambda: [f"mean of {t('look_back_period_s')} of ongoing requests [I]", f"{t('metrics_interval_s')} [R]",
                                  f"wanted for {t('upscale_delay_s')} on end [IK]", f"wanted for {t('downscale_delay_s')} on end [J]", "the same, from one [J]"],
            "skyserve": lambda: [f"requests a second in {t('AUTOSCALER_QPS_WINDOW_SIZE_SECONDS')} [L]",
                                 f"{t('AUTOSCALER_DEFAULT_DECISION_INTERVAL_SECONDS')}; 5 s at zero [M]", f"wanted for {t('upscale_delay_seconds')} [L]",
                                 f"wanted for {t('downscale_delay_seconds')} [L]", "the same [L]"],
            "dynamo": lambda: ["KV cache in use [N]", f"{t('load_adjustment_interval_seconds')} [R]", f"one, above {100 * float(default['DECODE_THROUGHPUT_SCALE_UP']):g} % [N]",
                               f"one, below {100 * float(default['DECODE_THROUGHPUT_SCALE_DOWN']):g} % [N]", "never [R]"],
        }[value(d["scaler"])]()
        out.append([d["name"]] + cells + [gone])
    return out


def aligned(head, body):
    width = [max(len(r[i]) for r in [head] + body) for i in range(len(head))]
    line = lambda r: "| " + " | ".join(c.ljust(w) for c, w in zip(r, width)) + " |"
    return "\n".join([line(head), "|" + "|".join("-" * (w + 2) for w in width) + "|"] + [line(r) for r in body])


def main():
    body, own = rows(), own_rows()
    letters = set("".join("".join(re.findall(r"\[([a-zA-Z]+)\]", c)) for r in body + own for c in r))
    want = (aligned(COLUMNS, body), aligned(OWN_COLUMNS, own), aligned(["", "test", "of"], [[k, f"`{TESTS[k][1]}`", f"`{TESTS[k][0]}`"] for k in sorted(letters)]))
    if sys.argv[1:] == ["--print"]:
        print("\n\n".join(want))
        return 0
    passed, failures = 0, []
    with open("ARCHITECTURE.md", encoding="utf-8") as f:
        section = f.read().partition("\n## What each platform does\n")[2].partition("\n## ")[0]
    for line in "\n".join(want).split("\n"):
        if line in section.split("\n"):
            passed += 1
        else:
            failures.append("ARCHITECTURE.md lacks the row (tests/semantics.py --print): " + line)
    for k in sorted(letters):
        path, name = TESTS[k]
        text = open(path, encoding="utf-8").read() if os.path.isfile(path) else ""
        runs = re.search(rf"\bRUN\({name}\)", text)
        if re.search(rf"^static void {name}\(void\)", text, re.M) and runs:
            passed += 1
        else:
            failures.append(f"{path} has no test {name}")
    for line in failures:
        print("FAIL " + line)
    print(f"{passed} passed, {len(failures)} failed")
    return bool(failures)


sys.exit(main())
