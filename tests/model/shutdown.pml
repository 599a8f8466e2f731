/*
 * Shutdown (kernel/shutdown.c): it begins once; whoever listens is told, once; what was registered runs, once, and nothing that was
 * refused does; a strong task is not abandoned; and it ends, whatever weak tasks do.
 *
 * A strong task may spawn another while it ends, as long as any are left to spawn; `live` counts strong tasks (how it is known that
 * there are none is termination.pml's matter). Weak tasks listen, or register, at any moment, before or after shutdown has begun.
 * A listener waits to be told; a deaf task ends when it is killed; one that does not end even so is left behind, so all that there is
 * of it here is that shutdown may give up waiting. The main task may fail at any point, upon which strong tasks are killed. What is
 * done under the lock of the lists is one step.
 *
 * @verify safety
 * @verify ltl begins fair
 * @verify ltl ends fair
 * @verify ltl told fair
 * @verify ltl registered_runs fair
 * @mutation LISTS_FIRST       the lists are taken before it is said that shutdown has begun
 * @mutation LATE_IS_LISTED    who listens after the beginning is put into the list, which nobody looks at any more
 * @mutation LATE_IS_ACCEPTED  who registers looks whether shutdown has begun, and takes the lock after
 * @mutation FORGET_TO_TELL    listeners are not told
 * @mutation WAIT_FOR_ALL      shutdown waits for weak tasks with no limit
 * @mutation KILL_NO_STRONG    after main's failure strong tasks are not killed
 * @mutation BOTH_WAYS         shutdown begins by main's failure and by the last task's end
 * @mutation EXIT_BEFORE_END   at_exit functions run while strong tasks do
 */
#ifdef LARGE
#define SPAWNS 2
#define REGISTRARS 3
#else
#define SPAWNS 1
#define REGISTRARS 2
#endif

byte live = 1;                /* strong tasks: the main task */
byte to_spawn = SPAWNS;
bool failed;                  /* main has */
bool kill_strong, kill_weak;  /* fe_task_kill of all that are */
bool begun;                   /* fe_kernel_state.shutdown */
bool done;                    /* the machine stops */
byte times;                   /* how often shutdown has begun */

/* One listener, in the list or not; and registrations, one bit each. */
bool listening, listed, listener_told, listener_gone;
bool in_list[REGISTRARS], accepted[REGISTRARS], refused[REGISTRARS], ran[REGISTRARS];
bool deaf_gone;

proctype strong() {
    do
    :: atomic { to_spawn > 0 && !kill_strong -> to_spawn--; live++ }
       run strong()
    :: break                                   /* returns */
    :: kill_strong -> break
    :: true ->
end_waits:                                     /* until it is killed: then main has failed */
       kill_strong;
       break
    od;
    live--
}

/* fe_shutdown_listen, and waiting for the message. */
proctype listener() {
    listening = true;
    atomic {                                   /* under the lock */
        if
#ifndef LATE_IS_LISTED
        :: begun -> listener_told = true       /* at once */
#endif
        :: else -> listed = true
        fi
    }
    if
    :: listener_told
    :: kill_weak                               /* killed while it waits; the message was there before */
    fi;
    listener_gone = true
}

/* Waits for something that never comes. */
proctype deaf() {
    kill_weak;
    deaf_gone = true
}

/* fe_try_at_exit. */
proctype registrar(byte self) {
#ifdef LATE_IS_ACCEPTED
    if
    :: begun -> refused[self] = true
    :: else -> atomic { in_list[self] = true; accepted[self] = true }
    fi
#else
    atomic {
        if
        :: begun -> refused[self] = true
        :: else -> in_list[self] = true; accepted[self] = true
        fi
    }
#endif
}

inline begin() {
    times++;
    assert(times == 1);
#ifdef LISTS_FIRST
    atomic { tell = listed; i = 0; do :: i < REGISTRARS -> to_run[i] = in_list[i]; i++ :: else -> i = 0; break od }
    begun = true
#else
    atomic {                                   /* under the lock */
        begun = true;
        tell = listed;
        i = 0;
        do
        :: i < REGISTRARS -> to_run[i] = in_list[i]; i++
        :: else -> i = 0; break
        od
    }
#endif
}

proctype machine() {
    bool tell, to_run[REGISTRARS];
    byte i;
    if
    :: live == 0                               /* main has returned, and the last one has ended */
    :: failed
    fi;
    begin();
    if
#ifndef FORGET_TO_TELL
    :: tell -> assert(!listener_told); listener_told = true
#endif
    :: else
    fi;
#ifndef KILL_NO_STRONG
    if
    :: failed -> kill_strong = true
    :: else
    fi;
#endif
#ifdef BOTH_WAYS
    if
    :: failed -> live == 0; begin()
    :: else
    fi;
#endif
#ifndef EXIT_BEFORE_END
    live == 0;                                 /* all have been killed, and end */
#endif
#ifdef WAIT_FOR_ALL
    (!listening || listener_gone) && deaf_gone; /* and the stubborn one, which is not modelled further */
#else
    if                                         /* for a time, and the stubborn one has not ended in any case */
    :: skip
    :: (!listening || listener_gone) && deaf_gone
    fi;
#endif
    kill_weak = true;
    do
    :: i < REGISTRARS ->
        if
        :: to_run[i] ->
            assert(live == 0 && !ran[i]);
            ran[i] = true
        :: else
        fi;
        i++
    :: else -> break
    od;
    done = true
}

init {
    byte i;
    atomic {
        run strong();
        run machine();
        run listener();
        run deaf();
        do
        :: i < REGISTRARS -> run registrar(i); i++
        :: else -> break
        od
    }
    if
    :: !begun -> failed = true                 /* main fails, unless it has returned by then */
    :: skip
    fi
}

#define ALL_RUN (!done || ((!accepted[0] || ran[0]) && (!accepted[1] || ran[1])))
#define NONE_BOTH (!(accepted[0] && refused[0]) && !(ran[0] && refused[0]) && !(accepted[1] && refused[1]) && !(ran[1] && refused[1]))

ltl begins { [] ((failed || live == 0) -> <> begun) }
ltl ends { [] (begun -> <> done) }
ltl told { [] (listening && begun -> <> listener_told) }
ltl registered_runs { [] ALL_RUN && [] NONE_BOTH }
