"""What the system tests share: booting an image, and TAP."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCH = os.environ.get("ARCH", "x86_64")
LONG = bool(os.environ.get("LONG", ""))

# Nothing of what make or a person set for another run reaches a machine that is started here.
CLEAN = {"ARCH": ARCH, "SMP": "", "MEM": "", "MACHINE": "", "GIC": "", "EL": "", "SEED": "", "QEMUFLAGS": "", "INITRD": "",
         "CMDLINE": "", "TIMEOUT": "120", "MAKEFLAGS": "", "MAKELEVEL": "", "MFLAGS": ""}


def start(command, given, more):
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
                          env=os.environ | CLEAN | more, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def image_path(image, build="release"):
    return os.path.join(ROOT, "build", f"{ARCH}-{build}", image)


def boot(test, build="release", cores="4", given=b"", image="tests", **more):
    """Boots the test image with one test; returns its status and its output."""
    return start([os.path.join(ROOT, "tools", "run"), image_path(image, build)], given,
                 {"SMP": cores, "CMDLINE": f"-- {test}"} | more)


def run(image, cores="4", given=b"", **more):
    """Boots a program; returns its status and its output."""
    return start([os.path.join(ROOT, "tools", "run"), image_path(image)], given, {"SMP": cores} | more)


def own(output):
    """The lines of a program itself: without the log's and the runner's."""
    return [line for line in output.splitlines() if not line.startswith(("# ", "tools/run:"))]


def report(suite, cases):
    """Runs (name, function) pairs, each of which returns a list of what was wrong and the output. Prints TAP."""
    print(f"TAP version 13\n1..{len(cases)}")
    failed = 0
    for number, (name, function) in enumerate(cases, start=1):
        wrong, output = function()
        print(f"{'not ok' if wrong else 'ok'} {number} - {suite}-{ARCH}/{name}")
        if wrong:
            failed += 1
            print("# " + "\n# ".join(wrong + output.splitlines()[-30:]))
        sys.stdout.flush()
    return 1 if failed else 0


def expect(status, told, untold, actual, output):
    """What differs: the status, or texts that the output must or must not have."""
    wrong = [] if actual == status else [f"the status is {actual}, not {status}"]
    wrong += [f"'{part}' is not in the output" for part in told if part not in output]
    wrong += [f"'{part}' is in the output" for part in untold if part in output]
    return wrong
