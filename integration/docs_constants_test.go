package integration

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// constants are those of a package, exported or not. It is read as far as its constants
// go: what is imported is unknown, but for the units of package time.
type constants struct {
	files *token.FileSet
	types *types.Package
}

func readConstants(t *testing.T, dir string) *constants {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	c := &constants{files: token.NewFileSet()}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(c.files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("%s has no package", dir)
	}
	unknown := func(error) {} // of what is imported
	check := types.Config{Importer: units{}, IgnoreFuncBodies: true, Error: unknown}
	c.types, _ = check.Check(dir, c.files, files, nil)
	return c
}

// value is that of a constant expression, such as "dedupSets * dedupWays".
func (c *constants) value(t *testing.T, expression string) float64 {
	t.Helper()
	v, err := types.Eval(c.files, c.types, token.NoPos, expression)
	if err != nil || v.Value == nil {
		t.Fatalf("%s of %s: %v", expression, c.types.Path(), err)
	}
	number, _ := constant.Float64Val(constant.ToFloat(v.Value))
	return number
}

// units imports nothing but the units of package time.
type units struct{}

// Import implements [types.Importer].
func (units) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	if name == "time" {
		duration := types.NewTypeName(token.NoPos, p, "Duration", nil)
		of := types.NewNamed(duration, types.Typ[types.Int64], nil)
		p.Scope().Insert(duration)
		for unit, ns := range map[string]int64{"Nanosecond": 1, "Microsecond": 1e3, "Millisecond": 1e6, "Second": 1e9, "Minute": 60e9} {
			p.Scope().Insert(types.NewConst(token.NoPos, p, unit, of, constant.MakeInt64(ns)))
		}
	}
	p.MarkComplete()
	return p, nil
}
