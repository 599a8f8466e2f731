/*
 * Termination (sched/termination.h): with no counter that all cores write, somebody notices that the last task has ended,
 * and nobody says so before.
 *
 * Each core runs tasks off its own queue or another's. A task spawns children, as long as any are left to spawn, and ends.
 * `spawned` and `ended` of each core only grow. A core that has ended a task sums all `ended`, then all `spawned`, once, and
 * looks again only when it has ended another (weak tasks may keep it from idling for ever). The waiter makes the main task,
 * joins it, and waits for equal sums. The global context (boot) has a task to spawn too, and holds a count meanwhile.
 *
 * Memory is sequentially consistent here; what the orders do is checked by termination.cpp.
 *
 * @verify safety
 * @verify ltl noticed
 * @mutation SPAWNED_FIRST      the sums are read in the other order: a spawn and an end in between are missed
 * @mutation COUNT_LATE         a spawn is counted after the task can be found
 * @mutation NO_HOLD            the global context holds no count: all seems done before its spawn
 * @mutation LOOK_BEFORE_COUNT  a core looks before it counts its end: the last two ends miss each other
 * @mutation WAITER_LATE        the waiter looks, and only then says that it waits
 */
#ifdef LARGE
#define CORES 2
#define SPAWNS 2
#else
#define CORES 2
#define SPAWNS 1
#endif

byte spawned[CORES], ended[CORES];
byte queue[CORES];       /* tasks that wait there */
bool main_queued;        /* the main task, which any core may take */
bool main_ended;         /* its result can be had */
byte to_spawn = SPAWNS;  /* by tasks */
byte live;               /* the truth: tasks that may still spawn, the global context included */
bool waits, notified;    /* the waiter announces itself; somebody has seen equal sums */
bool begun;              /* shutdown */

/* One counter at a time: others move meanwhile. */
#if CORES == 2
#define SUM(total, counter) total = counter[0]; total = total + counter[1]
#else
#define SUM(total, counter) total = counter[0]; total = total + counter[1]; total = total + counter[2]
#endif

inline look() {
#ifdef SPAWNED_FIRST
    SUM(spawns, spawned);
    SUM(ends, ended);
#else
    SUM(ends, ended);
    SUM(spawns, spawned);
#endif
    d_step {
        equal = (ends == spawns);
        ends = 0;
        spawns = 0
    }
}

inline spawn(core) {
    /* Whoever spawns is live still, or holds a count: so `live` may change with what comes first. */
#ifdef COUNT_LATE
    d_step { live++; queue[core]++ }
    spawned[core]++
#else
    d_step { live++; spawned[core]++ }
    queue[core]++
#endif
}

inline tell() {
    if
    :: equal && waits -> notified = true
    :: else
    fi;
    equal = false
}

inline end(core) {
#ifdef LOOK_BEFORE_COUNT
    look();
    ended[core]++
#else
    ended[core]++;
    look()
#endif
    ;
    tell()
}

proctype run_core(byte self) {
    byte ends, spawns;
    bool equal, is_main;
again:
    if
    :: atomic { main_queued -> main_queued = false; is_main = true }
    :: atomic { queue[self] > 0 -> queue[self]-- }
    :: atomic { queue[(self + 1) % CORES] > 0 -> queue[(self + 1) % CORES]-- }
    :: begun -> goto stop
    fi;
    do
    :: atomic { to_spawn > 0 -> to_spawn-- }
       spawn(self)
    :: break
    od;
    atomic {
        live--;
        if
        :: is_main -> main_ended = true
        :: else
        fi
    }
    is_main = false;
    end(self);
    goto again;
stop:
    skip
}

proctype global_context() {
    byte ends, spawns;
    bool equal;
    spawn(0);
#ifdef LARGE
    spawn(1);
#endif
    live--;
#ifndef NO_HOLD
    end(0)
#endif
}

proctype waiter() {
    byte ends, spawns;
    bool equal;
    d_step { live++; spawned[1]++ }
    main_queued = true;
    main_ended;
#ifndef WAITER_LATE
    waits = true;
#endif
    do
    :: look();
       if
       :: equal -> break
       :: else ->
#ifdef WAITER_LATE
          waits = true;
#endif
          notified;
          notified = false
       fi
    od;
    assert(live == 0);
    assert(!begun);
    begun = true
}

init {
    byte core;
    atomic {
        live++;
#ifndef NO_HOLD
        spawned[0]++;
#endif
        core = 0;
        do
        :: core < CORES -> run run_core(core); core++
        :: else -> break
        od;
        run global_context();
        run waiter()
    }
}

ltl noticed { <> begun }
