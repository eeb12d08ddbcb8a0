package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

type packageFacts struct {
	Group   string            `json:"group"`
	Version string            `json:"version"`
	Name    string            `json:"name"`
	Types   map[string]string `json:"types"`
}

// facts writes every type as one line a field, because a string of a type that nobody asked for costs a
// tenth of what its parsed form would. proto/schema/schema.ts documents and reads the form:
//
//	containers 2 []Container ! ps=merge pk=name lt=map lk=name
func facts(ordered []*goPackage, packages map[string]*goPackage) []byte {
	out := map[string]packageFacts{}
	for _, p := range ordered {
		w := &tsWriter{p: p, packages: packages}
		types := map[string]string{}
		for _, name := range p.order {
			t := p.types[name]
			if !w.wanted(t) {
				continue
			}
			if t.isStruct {
				types[name] = structFacts(p, t, packages)
			} else {
				types[name] = aliasFacts(p, t, packages)
			}
		}
		out[key(p)] = packageFacts{p.group, p.version, p.name, types}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	fail(e.Encode(out))
	return b.Bytes()
}

// key is how facts name a package: `core/v1`.
func key(p *goPackage) string {
	if p.file == "" {
		return p.dir[strings.LastIndex(p.dir, "/")+1:]
	}
	return strings.Replace(p.file, "-", "/", 1)
}

func structFacts(p *goPackage, t *goType, packages map[string]*goPackage) string {
	var lines []string
	if first(t.markers["structType"]) == "atomic" {
		lines = append(lines, "~atomic")
	}
	for _, f := range t.fields {
		flags := ""
		name := f.json
		if f.inline {
			flags += "i"
			if name == "" {
				name = "-"
			}
		}
		if f.omitEmpty {
			flags += "o"
		}
		if f.omitZero {
			flags += "z"
		}
		if f.required && !f.inline {
			flags += "!"
		}
		if flags == "" {
			flags = "-"
		}
		parts := []string{name, fmt.Sprint(f.number), code(p, f.typ, packages), flags}
		add := func(k, v string) {
			if v != "" {
				parts = append(parts, k+"="+v)
			}
		}
		add("ps", f.strategy)
		add("pk", f.mergeKey)
		add("lt", f.listType)
		add("lk", strings.Join(f.listMapKeys, ","))
		add("mt", f.mapType)
		add("st", f.structType)
		add("df", f.defaultJSON)
		lines = append(lines, strings.Join(parts, " "))
	}
	return strings.Join(lines, "\n")
}

func aliasFacts(p *goPackage, t *goType, packages map[string]*goPackage) string {
	text := "="
	if t.wrapped {
		text += "w"
	}
	text += " " + code(p, t.under, packages)
	if t.enum {
		text += " " + strings.Join(p.enums[t.name], "|")
	}
	return text
}

func code(p *goPackage, r *ref, packages map[string]*goPackage) string {
	switch r.kind {
	case "scalar", "builtin":
		return r.name
	case "any":
		return "any"
	case "pointer":
		return "*" + code(p, r.elem, packages)
	case "list":
		return "[]" + code(p, r.elem, packages)
	case "map":
		return "{" + code(p, r.key, packages) + "}" + code(p, r.elem, packages)
	}
	if r.pkg == p.path {
		return r.name
	}
	return key(packages[r.pkg]) + "." + r.name
}
