package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

type goPackage struct {
	source
	path  string // import path
	name  string // as Go error messages name it: `v1`
	types map[string]*goType
	order []string
	// enums: type name to its constants; consts: constant name to its text.
	enums  map[string][]string
	consts map[string]string
}

type goType struct {
	name     string
	fields   []field // of a struct
	isStruct bool
	under    *ref // of any other type
	enum     bool
	wrapped  bool // a list or map that is a message with `items` on the wire
	markers  map[string][]string
}

type field struct {
	json, goName        string
	inline              bool
	omitEmpty, omitZero bool
	required            bool // as OpenAPI sees it
	number              int
	typ                 *ref
	strategy, mergeKey  string
	listType, mapType   string
	structType          string
	listMapKeys         []string
	defaultJSON         string
}

// ref is a use of a type. kind: scalar, builtin, named, list, map, pointer, any.
type ref struct {
	kind string
	name string // scalar, builtin or named
	pkg  string // import path of a named type
	key  *ref   // of a map
	elem *ref
}

func readPackage(s source, dir string) (*goPackage, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseDir(files, dir, func(f fs.FileInfo) bool {
		n := f.Name()
		return !strings.HasSuffix(n, "_test.go") && !strings.HasPrefix(n, "zz_generated") && n != "generated.pb.go"
	}, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	p := &goPackage{source: s, path: s.module + "/" + s.dir, types: map[string]*goType{}, enums: map[string][]string{}, consts: map[string]string{}}
	for name, tree := range parsed {
		p.name = name
		var names []string
		for n := range tree.Files {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			p.readConsts(tree.Files[n])
		}
		for _, n := range names {
			if err := p.readTypes(tree.Files[n]); err != nil {
				return nil, fmt.Errorf("%s: %w", n, err)
			}
		}
	}
	return p, nil
}

func (p *goPackage) readConsts(file *ast.File) {
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				lit, ok := value.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				text, _ := strconv.Unquote(lit.Value)
				p.consts[v.Names[i].Name] = text
				if id, ok := v.Type.(*ast.Ident); ok {
					p.enums[id.Name] = append(p.enums[id.Name], text)
				}
			}
		}
	}
}

func (p *goPackage) readTypes(file *ast.File) error {
	imports := map[string]string{}
	for _, i := range file.Imports {
		to, _ := strconv.Unquote(i.Path.Value)
		name := path.Base(to)
		if i.Name != nil {
			name = i.Name.Name
		}
		imports[name] = to
	}
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			if !t.Name.IsExported() || builtins[p.path+"."+t.Name.Name] != "" {
				continue
			}
			doc := t.Doc
			if doc == nil {
				doc = g.Doc
			}
			marks := markers(doc)
			typ := &goType{name: t.Name.Name, markers: marks, enum: marks["enum"] != nil, wrapped: marks["protobuf.nullable"] != nil}
			if s, ok := t.Type.(*ast.StructType); ok {
				typ.isStruct = true
				if err := p.readFields(typ, s, imports); err != nil {
					return fmt.Errorf("%s: %w", t.Name.Name, err)
				}
				if len(typ.fields) == 0 && len(s.Fields.List) > 0 {
					continue // no JSON form: not part of the API
				}
			} else if _, ok := t.Type.(*ast.InterfaceType); ok {
				continue
			} else if typ.under = p.ref(t.Type, imports); typ.under == nil {
				continue
			}
			p.types[typ.name] = typ
			p.order = append(p.order, typ.name)
		}
	}
	return nil
}

func (p *goPackage) readFields(typ *goType, s *ast.StructType, imports map[string]string) error {
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		raw, _ := strconv.Unquote(f.Tag.Value)
		tag := reflect.StructTag(raw)
		json := strings.Split(tag.Get("json"), ",")
		options := strings.Join(json[1:], ",")
		out := field{json: json[0], inline: json[0] == "" && (strings.Contains(options, "inline") || len(f.Names) == 0)}
		if json[0] == "-" || (json[0] == "" && !out.inline) {
			continue
		}
		if len(f.Names) > 0 {
			out.goName = f.Names[0].Name
		}
		if out.typ = p.ref(f.Type, imports); out.typ == nil {
			return fmt.Errorf("%s: a type that is not understood", json[0])
		}
		out.omitEmpty = strings.Contains(options, "omitempty")
		out.omitZero = strings.Contains(options, "omitzero")
		if proto := strings.Split(tag.Get("protobuf"), ","); len(proto) > 1 {
			out.number, _ = strconv.Atoi(proto[1])
			if out.inline {
				for _, o := range proto {
					if name, ok := strings.CutPrefix(o, "name="); ok {
						out.json = name
					}
				}
			}
		}
		marks := markers(f.Doc)
		out.strategy, out.mergeKey = tag.Get("patchStrategy"), tag.Get("patchMergeKey")
		out.listType, out.mapType, out.structType = first(marks["listType"]), first(marks["mapType"]), first(marks["structType"])
		out.listMapKeys = marks["listMapKey"]
		switch {
		case marks["required"] != nil:
			out.required = true
		case marks["optional"] != nil:
		default:
			out.required = !out.omitEmpty && !out.omitZero
		}
		if d := first(marks["default"]); d != "" {
			if name, ok := strings.CutPrefix(d, "ref("); ok {
				d = strconv.Quote(p.consts[strings.TrimSuffix(name, ")")])
			}
			out.defaultJSON = d
		}
		typ.fields = append(typ.fields, out)
	}
	return nil
}

func (p *goPackage) ref(e ast.Expr, imports map[string]string) *ref {
	switch t := e.(type) {
	case *ast.Ident:
		switch t.Name {
		case "string", "bool", "int", "int32", "int64", "float64", "byte", "uint8":
			return &ref{kind: "scalar", name: t.Name}
		case "any":
			return &ref{kind: "any"}
		}
		return named(p.path, t.Name)
	case *ast.SelectorExpr:
		return named(imports[t.X.(*ast.Ident).Name], t.Sel.Name)
	case *ast.StarExpr:
		return wrap("pointer", p.ref(t.X, imports), nil)
	case *ast.ArrayType:
		elem := p.ref(t.Elt, imports)
		if elem != nil && (elem.name == "byte" || elem.name == "uint8") {
			return &ref{kind: "scalar", name: "bytes"}
		}
		return wrap("list", elem, nil)
	case *ast.MapType:
		return wrap("map", p.ref(t.Value, imports), p.ref(t.Key, imports))
	case *ast.InterfaceType:
		return &ref{kind: "any"}
	}
	return nil
}

func named(pkg, name string) *ref {
	if b := builtins[pkg+"."+name]; b != "" {
		return &ref{kind: "builtin", name: b}
	}
	return &ref{kind: "named", name: name, pkg: pkg}
}

func wrap(kind string, elem, key *ref) *ref {
	if elem == nil {
		return nil
	}
	return &ref{kind: kind, elem: elem, key: key}
}

// markers reads the `+name=value` lines of a comment; the first blank value means present.
func markers(doc *ast.CommentGroup) map[string][]string {
	out := map[string][]string{}
	if doc == nil {
		return out
	}
	for _, c := range doc.List {
		line := strings.TrimSpace(strings.TrimPrefix(c.Text, "//"))
		if !strings.HasPrefix(line, "+") {
			continue
		}
		name, value, _ := strings.Cut(line[1:], "=")
		out[name] = append(out[name], value)
	}
	return out
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
