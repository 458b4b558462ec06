// Learn-ham takes a message on standard input and has it learned as ham: see
// package handin.
package main

import (
	"os"

	"dovetail/cmd/internal/handin"
	"dovetail/learn"
)

func main() { os.Exit(handin.Main(learn.Ham)) }
