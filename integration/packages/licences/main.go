// Command licences tells under which licences the modules of a binary are.
//
// It reads the binary's packages from stdin, a line each, as list.tmpl has go list
// print them: the module's path (Go for the standard library), its version, its folder
// and the package's folder, parted by tabs. It prints a table of the modules, and all
// texts below. A module without a licence, and a licence that nobody has read, is an
// error.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(packages io.Reader, out io.Writer) error {
	modules, err := readModules(packages)
	if err != nil {
		return err
	}
	page, err := table(modules)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, page+texts(modules))
	return err
}
