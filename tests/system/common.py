"""What the system tests share: booting the test image with one test, and TAP."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCH = os.environ.get("ARCH", "x86_64")


def boot(test, build="release", cores="4", given=b"", image="tests", **more):
    """Boots an image; returns its status and its output."""
    environment = os.environ | {"ARCH": ARCH, "SMP": cores, "CMDLINE": f"-- {test}", "INITRD": "", "TIMEOUT": "120",
                                "GIC": "", "EL": "", "MACHINE": "", "MEM": ""} | more
    done = subprocess.run([os.path.join(ROOT, "tools", "run"), os.path.join(ROOT, "build", f"{ARCH}-{build}", image)],
                          input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


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
