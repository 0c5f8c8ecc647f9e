// SPDX-License-Identifier: Apache-2.0

package main

/*
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern int goCompare(void *a, void *b);
extern void goCalled(int n);

static int compare(const void *a, const void *b)
{
    return goCompare((void *)a, (void *)b);
}

static void sort(int *list, int n)
{
    qsort(list, n, sizeof(*list), compare);
}

static void *thread(void *arg)
{
    goCalled(*(int *)arg);
    return NULL;
}

// A thread that C has made calls Go.
static int run_thread(int n)
{
    pthread_t t;
    return pthread_create(&t, NULL, thread, &n) || pthread_join(t, NULL);
}
*/
import "C"

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

var called atomic.Int64

//export goCompare
func goCompare(a, b unsafe.Pointer) C.int {
	return *(*C.int)(a) - *(*C.int)(b)
}

//export goCalled
func goCalled(n C.int) {
	called.Add(int64(n))
}

// The dynamic program calls C, and C calls Go, on threads of either.
func foreign() {
	list := make([]C.int, 1000)
	for i := range list {
		list[i] = C.int((i * 7919) % 1000)
	}
	C.sort(&list[0], C.int(len(list)))
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			if C.run_thread(C.int(i)) != 0 {
				fmt.Println("no thread")
			}
		}(i)
	}
	all.Wait()
	text := C.CString("words of C")
	defer C.free(unsafe.Pointer(text))
	fmt.Println("C", list[0], list[500], list[999], called.Load(), C.strlen(text), C.GoString(text))
}
