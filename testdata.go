package dovetail

import "embed"

// Testdata holds the site's scripts and the messages of the demo, so that
// `dovetail demo` needs no files beside the program.
//
//go:embed testdata/site testdata/demo
var Testdata embed.FS
