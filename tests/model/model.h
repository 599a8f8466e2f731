/*
 * What the models share: a table of cases and a main program. Each model file is one program; each case in it is a
 * Relacy test suite. C++98, since Relacy is.
 *
 *   build/model/NAME                      runs every case, prints TAP; a failure comes with the execution that showed
 *   it build/model/NAME --long               likewise, with the number of executions of the long run
 *   build/model/NAME --list               prints the cases' names
 *   build/model/NAME --weaken FILE LINE OP FROM TO
 *       runs with that one access weakened, up to the first case that fails; prints a line "caught: ...", "survived" or
 *       "unreached", and succeeds in every case (tests/model/weaken judges).
 */
#ifndef FERRITE_TESTS_MODEL_MODEL_H
#define FERRITE_TESTS_MODEL_MODEL_H

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <arch/atomic.h>

struct fe_model_search {
    rl::scheduler_type_e kind;
    unsigned extent; /* random: executions; bound: preemptions of each thread */
};
/* So many executions, drawn with the execution's number as the seed, so that each run is the same. */
#define FE_MODEL_RANDOM(executions)                                                                                    \
    { rl::random_scheduler_type, executions }
/* Every execution in which no thread is preempted more often, where loads see the newest value or the one before. It
 * finds what needs one thread to run alone for long, which a random search hardly ever does. */
#define FE_MODEL_BOUND(preemptions)                                                                                    \
    { rl::fair_context_bound_scheduler_type, preemptions }
/* Every execution, where loads see the newest value or the one before. */
#define FE_MODEL_FULL                                                                                                  \
    { rl::fair_full_search_scheduler_type, 0 }

struct fe_model_case {
    const char *name;
    bool (*run)(rl::test_params &parameters);
    fe_model_search usual, long_run;
};

struct fe_model_outcome {
    bool passed;
    const char *verdict;
    unsigned long executions;
    rl::string history;
};

static fe_model_outcome fe_model_run(const fe_model_case &which, bool long_run) {
    rl::ostringstream output, progress; /* they allocate outside the model */
    rl::test_params parameters;
    parameters.output_stream = &output;
    parameters.progress_stream = &progress;
    const fe_model_search &search = long_run ? which.long_run : which.usual;
    parameters.search_type = search.kind;
    parameters.context_bound = search.extent;
    parameters.iteration_count = search.kind == rl::random_scheduler_type ? search.extent : 0; /* the others end */
    fe_model_outcome outcome;
    outcome.passed = which.run(parameters);
    outcome.verdict = rl::test_result_str(parameters.test_result);
    outcome.executions = (unsigned long)parameters.stop_iteration;
    outcome.history = output.str();
    return outcome;
}

static rl::memory_order fe_model_order_of(const char *name) {
    static const char *const names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
    for (int i = 0; i < 6; i++)
        if (std::strcmp(name, names[i]) == 0)
            return (rl::memory_order)i;
    std::fprintf(stderr, "model: %s: no such memory order\n", name);
    std::exit(2);
}

static int fe_model_weaken(const fe_model_case *cases, int count, char **argument) {
    fe_model_weakened.file = argument[0];
    fe_model_weakened.line = (unsigned)std::atoi(argument[1]);
    fe_model_weakened.op = argument[2];
    fe_model_weakened.from = fe_model_order_of(argument[3]);
    fe_model_weakened.to = fe_model_order_of(argument[4]);
    for (int i = 0; i < count; i++) {
        fe_model_outcome outcome = fe_model_run(cases[i], false);
        if (!outcome.passed) {
            std::printf("caught: %s, after %lu executions: %s\n", outcome.verdict, outcome.executions, cases[i].name);
            return 0;
        }
    }
    std::puts(fe_model_weakened.seen ? "survived" : "unreached");
    return 0;
}

static int fe_model_main(int argc, char **argv, const fe_model_case *cases, int count) {
    if (argc == 7 && std::strcmp(argv[1], "--weaken") == 0)
        return fe_model_weaken(cases, count, argv + 2);
    bool list = argc == 2 && std::strcmp(argv[1], "--list") == 0;
    bool long_run = argc == 2 && std::strcmp(argv[1], "--long") == 0;
    if (argc > 1 && !list && !long_run) {
        std::fprintf(stderr, "usage: %s [--long | --list | --weaken FILE LINE OP FROM TO]\n", argv[0]);
        return 2;
    }
    if (!list)
        std::printf("TAP version 13\n1..%d\n", count);
    bool passed = true;
    for (int i = 0; i < count; i++) {
        if (list) {
            std::puts(cases[i].name);
            continue;
        }
        fe_model_outcome outcome = fe_model_run(cases[i], long_run);
        const fe_model_search &search = long_run ? cases[i].long_run : cases[i].usual;
        std::printf("%s %d - %s\n# %lu executions", outcome.passed ? "ok" : "not ok", i + 1, cases[i].name,
                    outcome.executions);
        if (search.kind == rl::fair_context_bound_scheduler_type)
            std::printf(", all with %u preemptions a thread", search.extent);
        std::puts(search.kind == rl::fair_full_search_scheduler_type ? ", all there are" : "");
        if (!outcome.passed) {
            rl::istringstream lines(outcome.history);
            for (rl::string line; std::getline(lines, line);)
                std::printf("# %s\n", line.c_str());
            passed = false;
        }
        std::fflush(stdout);
    }
    return passed ? 0 : 1;
}

#define FE_MODEL_MAIN(cases)                                                                                           \
    int main(int argc, char **argv) {                                                                                  \
        return fe_model_main(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));                                \
    }

#endif
