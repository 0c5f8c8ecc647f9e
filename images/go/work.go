// SPDX-License-Identifier: Apache-2.0

// A program that uses what Go's runtime asks of a kernel: goroutines on many threads, timers, a collection, stacks that
// grow, faults that become panics, preemption by a signal, files, signals. It prints the same wherever it runs.
//
//	work          all of it; the exit status is 3
//	work panic    ends by a panic that nobody recovers
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func isPrime(n int) bool {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}

// A pipeline: one that counts, 16 that test, one that adds.
func goroutines() {
	numbers, primes := make(chan int), make(chan int, 100)
	var workers sync.WaitGroup
	go func() {
		for n := 0; n < 50000; n++ {
			numbers <- n
		}
		close(numbers)
	}()
	for i := 0; i < 16; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range numbers {
				if isPrime(n) {
					primes <- n
				}
			}
		}()
	}
	go func() {
		workers.Wait()
		close(primes)
	}()
	count, sum := 0, 0
	for p := range primes {
		count++
		sum += p
	}
	fmt.Println("primes", count, sum)

	var lock sync.Mutex
	var all sync.WaitGroup
	seen := map[int]int{}
	for i := 0; i < 10000; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			lock.Lock()
			defer lock.Unlock()
			seen[i%7]++
		}(i)
	}
	all.Wait()
	fmt.Println("map", seen)
}

// Each goroutine has a thread to itself, so the kernel switches between them.
func threads() {
	var turns atomic.Int64
	var all sync.WaitGroup
	ring := make([]chan int, 8)
	for i := range ring {
		ring[i] = make(chan int)
	}
	for i := range ring {
		all.Add(1)
		go func(i int) {
			runtime.LockOSThread()
			defer all.Done()
			for n := range ring[i] {
				turns.Add(1)
				if n > 0 {
					ring[(i+1)%len(ring)] <- n - 1
					continue
				}
				for _, c := range ring {
					close(c)
				}
			}
		}(i)
	}
	ring[0] <- 5000
	all.Wait()
	fmt.Println("ring", turns.Load())
}

func timers() {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Millisecond)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	ticks := 0
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			ticks++
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			fmt.Println("a tick did not come")
		}
	}
	passed := time.Since(began)
	fmt.Println("ticks", ticks > 1 && ticks <= 12, passed >= 60*time.Millisecond, ctx.Err())
}

// A loop without a call is interrupted by a signal, even with one processor.
func preemption() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var stop atomic.Bool
	ended := make(chan bool)
	go func() {
		for !stop.Load() {
		}
		ended <- true
	}()
	time.Sleep(5 * time.Millisecond)
	stop.Store(true)
	fmt.Println("preempted", <-ended)
}

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

// Garbage many times the memory limit, and a tree that stays.
func garbage() {
	debug.SetMemoryLimit(64 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept := tree(16)
	var finalized atomic.Int64
	sum := 0
	for i := 0; i < 200; i++ {
		sum += tree(12).count() + len(bytes.Repeat([]byte{byte(i)}, 2<<20))
		n := &node{left: kept}
		runtime.SetFinalizer(n, func(*node) { finalized.Add(1) })
	}
	runtime.GC()
	runtime.GC()
	time.Sleep(10 * time.Millisecond)
	runtime.ReadMemStats(&after)
	fmt.Println("garbage", sum, kept.count(), after.NumGC-before.NumGC > 3, after.HeapAlloc < 64<<20, finalized.Load() > 0)
	debug.FreeOSMemory()
}

func deep(n int) int {
	var pad [64]int
	if n == 0 {
		return 0
	}
	pad[n%64] = 1
	return deep(n-1) + pad[n%64]
}

func recovered(f func()) (text string) {
	defer func() {
		r := recover()
		var re runtime.Error
		if err, ok := r.(error); ok && errors.As(err, &re) {
			text = "runtime: "
		}
		text += fmt.Sprint(r)
	}()
	f()
	return "no panic"
}

func panics() {
	var none *node
	var table map[string]int
	list := []int{1, 2, 3}
	index := len(os.Args) + 10
	fmt.Println("depth", deep(20000))
	fmt.Println(recovered(func() { none.left = none }))
	fmt.Println(recovered(func() { table["a"] = 1 }))
	fmt.Println(recovered(func() { list[index%20] = 1 }))
	fmt.Println(recovered(func() { list[0] /= list[2] - 3 }))
	fmt.Println(recovered(func() { panic(fmt.Errorf("mine: %w", io.EOF)) }))
	debug.SetPanicOnFault(true)
	mapped, err := syscall.Mmap(-1, 0, 8192, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	fmt.Println(err, recovered(func() { mapped[5000] = 1 }) != "no panic")
}

func fails(err error) error {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
	return err
}

func files() {
	top, err := os.MkdirTemp("", "work")
	fails(err)
	defer os.RemoveAll(top)
	for i := 0; i < 100; i++ {
		dir := filepath.Join(top, fmt.Sprint("d", i%10))
		fails(os.MkdirAll(dir, 0o755))
		fails(os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), bytes.Repeat([]byte("x"), i*100), 0o640))
	}
	total, count := int64(0), 0
	fails(filepath.WalkDir(top, func(_ string, d fs.DirEntry, err error) error {
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			total += info.Size()
			count++
		}
		return err
	}))
	_, err = os.Stat(filepath.Join(top, "none"))
	fmt.Println("files", count, total, errors.Is(err, fs.ErrNotExist))

	r, w, err := os.Pipe()
	fails(err)
	go func() {
		z := gzip.NewWriter(w)
		for i := 0; i < 20000; i++ {
			fmt.Fprintln(z, i)
		}
		z.Close()
		w.Close()
	}()
	z, err := gzip.NewReader(r)
	fails(err)
	hash := sha256.New()
	n, err := io.Copy(hash, z)
	fails(err)
	fmt.Printf("pipe %d %x\n", n, hash.Sum(nil)[:8])
	fails(r.SetReadDeadline(time.Now().Add(time.Millisecond)))
	r2, w2, err := os.Pipe()
	fails(err)
	fails(r2.SetReadDeadline(time.Now().Add(10 * time.Millisecond)))
	_, err = r2.Read(make([]byte, 1))
	fmt.Println("deadline", errors.Is(err, os.ErrDeadlineExceeded), w2.Close())
}

func data() {
	type row struct {
		Name  string         `json:"name"`
		Marks map[string]int `json:"marks"`
	}
	rows := make([]row, 1000)
	for i := range rows {
		rows[i] = row{fmt.Sprint("n", (i*7919)%1000), map[string]int{"a": i, "b": -i}}
	}
	text, err := json.Marshal(rows)
	fails(err)
	var again []row
	fails(json.Unmarshal(text, &again))
	sort.Slice(again, func(a, b int) bool { return again[a].Name < again[b].Name })
	input, err := io.ReadAll(os.Stdin)
	fails(err)
	fmt.Println("data", len(text), again[1].Name, again[999].Marks, strings.Fields(string(input)))
}

func signals() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	fails(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println("signal", <-c)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "panic" {
		fmt.Println("about to panic")
		go func() { panic("nobody recovers") }()
		select {}
	}
	goroutines()
	threads()
	timers()
	preemption()
	garbage()
	panics()
	files()
	data()
	signals()
	foreign()
	os.Exit(3)
}
