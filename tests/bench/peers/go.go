// The benchmarks in Go, as BENCHMARKS and tests/bench/README.md define them: go.elf NAME... prints `NAME NANOSECONDS`, the
// best of some repetitions; idle tasks as `NAME BYTES`.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const repetitions = 3

func best(name string, count int, run func() time.Duration) {
	shortest := time.Duration(1 << 62)
	for i := 0; i < repetitions; i++ {
		if taken := run(); taken < shortest {
			shortest = taken
		}
	}
	fmt.Printf("%s %.2f\n", name, float64(shortest.Nanoseconds())/float64(count))
}

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// The process's own time where one core runs and never waits.
func now() time.Duration {
	if runtime.GOMAXPROCS(0) == 1 {
		return cpu()
	}
	return time.Duration(time.Now().UnixNano())
}

func since(began time.Duration) time.Duration {
	return now() - began
}

func yield() time.Duration {
	const count = 1000000
	var done sync.WaitGroup
	done.Add(2)
	turn := func() {
		for i := 0; i < count; i++ {
			runtime.Gosched()
		}
		done.Done()
	}
	began := now()
	go turn()
	go turn()
	done.Wait()
	return since(began) / 2
}

func spawnJoin() time.Duration {
	const count = 1000000
	done := make(chan int)
	began := now()
	for i := 0; i < count; i++ {
		go func() { done <- 0 }()
		<-done
	}
	return since(began)
}

func roundtrip(count int, lock bool) func() time.Duration {
	return func() time.Duration {
		there, back := make(chan uint64), make(chan uint64)
		go func() {
			if lock {
				runtime.LockOSThread()
			}
			for value := range there {
				back <- value
			}
			close(back)
		}()
		if lock {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
		}
		began := now()
		for i := uint64(1); i <= uint64(count); i++ {
			there <- i
			if <-back != i {
				panic("wrong value")
			}
		}
		taken := since(began)
		close(there)
		<-back
		return taken
	}
}

func flow(senders, capacity, count int, lock bool) func() time.Duration {
	return func() time.Duration {
		pipe := make(chan uint64, capacity)
		began := now()
		for s := 0; s < senders; s++ {
			go func() {
				if lock {
					runtime.LockOSThread()
				}
				for i := 0; i < count/senders; i++ {
					pipe <- uint64(i)
				}
			}()
		}
		sum := uint64(0)
		for i := 0; i < count; i++ {
			sum += <-pipe
		}
		each := uint64(count / senders)
		if sum != uint64(senders)*(each*(each-1)/2) {
			panic("wrong sum")
		}
		return since(began)
	}
}

func handoff(count int, lock bool) func() time.Duration {
	return func() time.Duration {
		pipe := make(chan *[8]uint64, 64)
		began := now()
		go func() {
			if lock {
				runtime.LockOSThread()
			}
			for i := 0; i < count; i++ {
				block := new([8]uint64)
				for word := range block {
					block[word] = uint64(i + word)
				}
				pipe <- block
			}
		}()
		for i := 0; i < count; i++ {
			if block := <-pipe; block[0] != uint64(i) {
				panic("wrong block")
			}
		}
		return since(began)
	}
}

func ring() time.Duration {
	const members, hops = 503, 1000000
	first := make(chan int, 1)
	done := make(chan int)
	in := first
	for i := 0; i < members; i++ {
		out := make(chan int, 1)
		if i == members-1 {
			out = first
		}
		go func(in, out chan int) {
			for token := range in {
				if token == 0 {
					done <- 0
					return
				}
				out <- token - 1
			}
		}(in, out)
		in = out
	}
	began := now()
	first <- hops
	<-done
	return since(began)
}

func node(out chan<- uint64, first, leaves uint64) {
	if leaves == 1 {
		out <- first
		return
	}
	in := make(chan uint64)
	for i := uint64(0); i < 10; i++ {
		go node(in, first+i*(leaves/10), leaves/10)
	}
	sum := uint64(0)
	for i := 0; i < 10; i++ {
		sum += <-in
	}
	out <- sum
}

func skynet() time.Duration {
	const leaves = 1000000
	began := now()
	out := make(chan uint64)
	go node(out, 0, leaves)
	if <-out != leaves*(leaves-1)/2 {
		panic("wrong sum")
	}
	return since(began)
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	result := make(chan int)
	go func() { result <- fib(n - 1) }()
	called := fib(n - 2)
	return called + <-result
}

func forks() time.Duration {
	began := now()
	if fib(25) != 75025 {
		panic("wrong value")
	}
	return since(began)
}

// Processor time, since the sleeps themselves take a second.
func timers() time.Duration {
	const count = 100000
	var done sync.WaitGroup
	done.Add(count)
	state := uint64(42)
	deadlines := make([]time.Duration, count)
	for i := range deadlines {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		deadlines[i] = time.Duration(state % 1000000000)
	}
	gate := make(chan int)
	base := time.Now().Add(time.Second)
	for i := 0; i < count; i++ {
		go func(deadline time.Duration) {
			<-gate
			time.Sleep(time.Until(base.Add(deadline)))
			done.Done()
		}(deadlines[i])
	}
	runtime.GC()
	began := cpu()
	close(gate)
	done.Wait()
	return cpu() - began
}

func resident() int {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[0] == "VmRSS:" || fields[0] == "VmPTE:") {
			value, _ := strconv.Atoi(fields[1])
			if fields[0] == "VmRSS:" {
				return value * 1024
			}
		}
	}
	return 0
}

func idle(name string, count int) {
	pipes := make([]chan int, count)
	var began sync.WaitGroup
	began.Add(count)
	debug.FreeOSMemory()
	before := resident()
	for i := range pipes {
		pipe := make(chan int)
		pipes[i] = pipe
		go func() {
			began.Done()
			<-pipe
		}()
	}
	began.Wait()
	debug.FreeOSMemory()
	fmt.Printf("%s %.1f\n", name, float64(resident()-before)/float64(count))
	for _, pipe := range pipes {
		close(pipe)
	}
}

func main() {
	for _, name := range os.Args[1:] {
		switch name {
		case "yield":
			best(name, 1000000, yield)
		case "spawn_join":
			best(name, 1000000, spawnJoin)
		case "roundtrip":
			best(name, 1000000, roundtrip(1000000, false))
		case "roundtrip_cross":
			best(name, 100000, roundtrip(100000, true))
		case "stream":
			best(name, 1000000, flow(1, 64, 1000000, false))
		case "stream_cross":
			best(name, 1000000, flow(1, 64, 1000000, true))
		case "shared4":
			best(name, 1000000, flow(4, 256, 1000000, false))
		case "handoff":
			best(name, 1000000, handoff(1000000, false))
		case "handoff_cross":
			best(name, 1000000, handoff(1000000, true))
		case "ring503":
			best(name, 1000000, ring)
		case "skynet":
			best(name, 1000000, skynet)
		case "fib":
			best(name, 121392, forks)
		case "timers":
			best(name, 100000, timers)
		case "idle_task_bytes":
			idle(name, 100000)
		case "idle_million_bytes":
			idle(name, 1000000)
		default:
			fmt.Println(name, "-")
		}
	}
}
