// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// The static program has no C in it.
func foreign() {
	fmt.Println("no C")
}
