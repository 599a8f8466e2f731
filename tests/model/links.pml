/*
 * Links (sched/policy/links.c): a group's manager hears requests by one pipe and ends by another. Whoever is spawned into the
 * group has one end told, also if it failed before; once a linked member or the owner has failed, every linked member ends,
 * and the owner of a linked group does.
 *
 * The owner spawns members and then waits, leaves, or fails at any point. A member returns, fails, or waits until it is killed
 * (kills are fe_task_kill's: a flag that a wait does not miss; park.cpp checks that).
 *
 * @verify safety
 * @verify ltl all_end fair
 * @verify ltl owner_ends fair
 * @mutation NO_CHECK       a member is spawned though the group has failed
 * @mutation SPAWNED_OUTSIDE the owner spawns the task itself and tells the manager after: a failure in between misses it
 * @mutation FORGET_OWNER   a member's failure does not kill the owner
 * @mutation TOLD_BY_KILL   the manager tells the end of whom it kills, and again when it comes
 * @mutation SAYS_IT_LEAVES the owner that fails says only that it leaves
 */
#ifdef LARGE
#define MEMBERS 4
#else
#define MEMBERS 3
#endif

mtype = { SPAWN, LEAVE, FAIL };
chan requests = [2] of { mtype, byte };
chan ends = [MEMBERS] of { byte, bool };

bool asked[MEMBERS];     /* a spawn has been sent */
bool killed[MEMBERS];    /* fe_task_kill */
bool known[MEMBERS];     /* runs, and the manager knows it */
byte told[MEMBERS];      /* ends that whoever asked has been told */
bool failed;             /* the manager's */
bool owner_failed, owner_killed, owner_gone, member_failed;

#if MEMBERS == 3
#define ALL_TOLD ((!asked[0] || told[0] == 1) && (!asked[1] || told[1] == 1) && (!asked[2] || told[2] == 1))
#else
#define ALL_TOLD \
    ((!asked[0] || told[0] == 1) && (!asked[1] || told[1] == 1) && (!asked[2] || told[2] == 1) && (!asked[3] || told[3] == 1))
#endif

proctype member(byte self) {
    if
    :: ends ! self, false                  /* returns */
    :: ends ! self, true                   /* fails */
    :: skip;
end_waits:
       killed[self];
       ends ! self, true
    fi
}

inline tell(who) {
    told[who]++;
    assert(told[who] <= 1)
}

inline fail_group() {
    atomic {
        failed = true;
        other = 0;
        do
        :: other < MEMBERS ->
            if
            :: known[other] ->
                killed[other] = true;
#ifdef TOLD_BY_KILL
                tell(other);
#endif
            :: else
            fi;
            other++
        :: else -> break
        od
    }
}

proctype manager() {
    byte who, other;
    bool badly, owned = true;
end_idle:
    do
    :: requests ? SPAWN, who ->
#ifdef SPAWNED_OUTSIDE
        known[who] = true
#else
#ifdef NO_CHECK
        atomic { known[who] = true; run member(who) }
#else
        if
        :: failed -> tell(who)             /* its function never runs */
        :: else -> atomic { known[who] = true; run member(who) }
        fi
#endif
#endif
    :: requests ? LEAVE, who -> owned = false
    :: requests ? FAIL, who ->
        owned = false;
        if
        :: !failed -> fail_group()
        :: else
        fi
    :: ends ? who, badly ->
        known[who] = false;
        if
        :: badly && !failed ->
            fail_group();
            member_failed = true;
#ifndef FORGET_OWNER
            if
            :: owned -> owner_killed = true
            :: else
            fi
#endif
        :: else
        fi;
        tell(who)
    od
}

proctype owner() {
    byte next;
    do
    :: next < MEMBERS ->
#ifdef SPAWNED_OUTSIDE
        run member(next);
#endif
        asked[next] = true;
        requests ! SPAWN, next;
        next++
    :: owner_failed = true -> goto fails
    :: owner_killed -> goto fails
    :: requests ! LEAVE, 0; goto gone
    :: next == MEMBERS -> break
    od;
end_waits:
    owner_killed;
fails:
#ifdef SAYS_IT_LEAVES
    requests ! LEAVE, 0;
#else
    requests ! FAIL, 0;
#endif
gone:
    owner_gone = true
}

init {
    atomic {
        run manager();
        run owner()
    }
}

ltl all_end { [] ((owner_failed || failed) -> <> ALL_TOLD) }
ltl owner_ends { [] (member_failed -> <> owner_gone) }
