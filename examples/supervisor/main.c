/*
 * supervisor [JOBS]: a pool of workers that crash, kept at work by a supervisor while jobs come in.
 *
 * Jobs are numbers. Each worker takes one, squares it and answers; about one in eight makes it crash instead, by a null pointer or
 * fe_fail. A worker's cleanup gives the job back, so that another takes it up, and the supervisor starts the worker anew. All
 * jobs are answered, each once.
 */
#include <ferrite/ferrite.h>
#include <stdatomic.h>

enum { WORKERS = 4, JOBS = 200, JOBS_MAX = 100000 };

struct job {
    uint64_t number;
    unsigned tries;
};

FE_PIPE_TYPE(jobs, struct job);
FE_PIPE_TYPE(answers, uint64_t);

static struct {
    jobs_sender back;      /* where crashed workers put their jobs */
    jobs_port in[WORKERS]; /* a pipe each, since a port has one receiver */
    answers_sender answers;
    atomic_uint crashes;
} pool;

struct work {
    struct job job;
    bool open; /* taken and not answered */
};

static void give_back(void *argument) {
    struct work *work = argument;
    if (!work->open || !fe_task_failing())
        return;
    atomic_fetch_add(&pool.crashes, 1);
    work->job.tries++;
    jobs_send(pool.back, work->job);
}

static uint64_t square(const struct job *job) {
    if (job->number % 8 == 3 && job->tries < 2) {
        if (job->number & 16)
            fe_fail("job %llu is too much for me", (unsigned long long)job->number);
        *(volatile int *)(uintptr_t)(job->tries * 8) = 1; /* a null pointer, or near it */
    }
    return job->number * job->number;
}

static intptr_t worker(void *which) {
    struct work work = {.open = false};
    fe_defer(give_back, &work);
    while (jobs_receive_until(pool.in[(uintptr_t)which], &work.job, FE_FOREVER) == FE_OK) {
        work.open = true;
        uint64_t answer = square(&work.job);
        work.open = false;
        answers_send(pool.answers, answer);
    }
    return 0; /* no more jobs: done for good, since workers are transient */
}

static intptr_t supervise(void *unused) {
    (void)unused;
    static const struct fe_task_options quiet = {.core = FE_ANY_CORE, .quiet = true};
    struct fe_child children[WORKERS];
    for (uintptr_t i = 0; i < WORKERS; i++)
        children[i] = (struct fe_child){"worker", worker, (void *)i, FE_TRANSIENT, &quiet};
    const struct fe_supervision supervision = {FE_ONE_FOR_ONE, FE_INTENSITY_MAX, FE_MILLISECOND};
    return fe_supervise(&supervision, children, WORKERS);
}

int fe_main(int argc, char **argv) {
    uint64_t count = JOBS;
    if (argc > 1) {
        count = 0;
        for (const char *digit = argv[1]; *digit >= '0' && *digit <= '9' && count < JOBS_MAX; digit++)
            count = count * 10 + (uint64_t)(*digit - '0');
        count = count > JOBS_MAX ? JOBS_MAX : count;
    }
    jobs_sender out[WORKERS];
    jobs_port back;
    answers_port answers;
    jobs_open(&pool.back, &back, FE_UNBOUNDED, FE_PIPE_SHARED);
    answers_open(&pool.answers, &answers, FE_UNBOUNDED, FE_PIPE_SHARED);
    for (unsigned i = 0; i < WORKERS; i++)
        jobs_open(&out[i], &pool.in[i], 8, 0);
    fe_task supervisor = fe_task_spawn(supervise, NULL, NULL);

    uint64_t sent = 0, answered = 0, sum = 0, expected = 0;
    while (answered < count) {
        struct job job = {.number = sent};
        uint64_t answer;
        if (jobs_try_receive(back, &job) == FE_OK) {
            jobs_send(out[(job.number + job.tries) % WORKERS], job);
        } else if (sent < count && jobs_try_send(out[sent % WORKERS], job) == FE_OK) {
            expected += sent * sent;
            sent++;
        } else if (answers_receive_until(answers, &answer, fe_time_now() + FE_MILLISECOND) == FE_OK) {
            sum += answer;
            answered++;
        }
    }
    for (unsigned i = 0; i < WORKERS; i++)
        jobs_close_sender(out[i]);
    struct fe_task_result result;
    fe_task_join(supervisor, &result);
    fe_print("%llu jobs, %llu answers, %u crashes; the sum of squares is %s\n", (unsigned long long)sent,
             (unsigned long long)answered, atomic_load(&pool.crashes), sum == expected ? "right" : "wrong");
    jobs_close_sender(pool.back);
    jobs_close_port(back);
    answers_close_sender(pool.answers);
    answers_close_port(answers);
    for (unsigned i = 0; i < WORKERS; i++)
        jobs_close_port(pool.in[i]);
    return sum == expected && result.outcome == FE_RETURNED && result.value == FE_OK ? 0 : 1;
}
