/* sim/cli/exec_self.h - this program executed anew: with an environment that libraries read before main, and stamped so
 * that the new process knows when it began. */
#ifndef KW_SIM_CLI_EXEC_SELF_H
#define KW_SIM_CLI_EXEC_SELF_H

/* Replaces this process by the same program with argv (argv[0] included, NULL at the end). Sets KEEPWARM_EXEC_NS to now
 * (engine/startup.h) unless it is set. Returns only when that failed; errno says why. */
void kw_exec_self(char **argv);

/* For the commands that run the engine: executes this program once more where neither OMP_WAIT_POLICY nor
 * GOMP_SPINCOUNT says how OpenMP's threads wait, with GOMP_SPINCOUNT=1000; returns where one does, or where that fails.
 *
 * Why: by default libgomp's threads spin at barriers for milliseconds before they sleep, which takes the core from the
 * very thread that they wait for as soon as anybody else uses the machine. ms of a step of llama-3.2-1b-like work on 2
 * cores (prefill of 256 / decode of 1 / decode of 8; 2026-11):
 *     spinning (default)   quiet 24.0 / 0.32 / 1.21   one core taken 411 / 0.36 / 260
 *     GOMP_SPINCOUNT=1000        24.4 / 0.30 / 1.20                   95 / 0.37 / 7.6
 *     OMP_WAIT_POLICY=passive    24.5 / 0.31 / 1.31
 * libgomp reads its variables before main runs, hence the second exec (2 to 10 ms). */
void kw_exec_self_sleepy(char **argv);

#endif
