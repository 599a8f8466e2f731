/*
 * Ferrite: everything a program sees. Each header can also be included by itself.
 */
#ifndef FERRITE_FERRITE_H
#define FERRITE_FERRITE_H

#include <ferrite/base.h>
#include <ferrite/context.h>
#include <ferrite/defer.h>
#include <ferrite/env.h>
#include <ferrite/foreign.h>
#include <ferrite/global.h>
#include <ferrite/heap.h>
#include <ferrite/io.h>
#include <ferrite/local.h>
#include <ferrite/log.h>
#include <ferrite/pipe.h>
#include <ferrite/policy.h>
#include <ferrite/preempt.h>
#include <ferrite/program.h>
#include <ferrite/scheduler.h>
#include <ferrite/shutdown.h>
#include <ferrite/stats.h>
#include <ferrite/task.h>
#include <ferrite/task_data.h>
#include <ferrite/time.h>

#endif
