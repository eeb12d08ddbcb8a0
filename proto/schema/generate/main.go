// Command generate reads the type declarations of the Kubernetes API from the sources of its published Go
// modules, and writes what Coracle needs of them: TypeScript interfaces, and the facts that the protobuf
// codec, patches, strict decoding and OpenAPI are driven by. Names, types and numbers only; no text.
//
//	go run . <folder of the output>
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A source is one Go package. File is the TypeScript file, empty for packages without interfaces.
type source struct {
	module, dir    string
	group, version string
	file           string
}

const (
	api         = "k8s.io/api"
	machinery   = "k8s.io/apimachinery"
	metaPackage = machinery + "/pkg/apis/meta/v1"
)

var sources = []source{
	{machinery, "pkg/apis/meta/v1", "meta.k8s.io", "v1", "meta-v1"},
	{machinery, "pkg/types", "", "", ""},
	{api, "core/v1", "", "v1", "core-v1"},
	{api, "admission/v1", "admission.k8s.io", "v1", "admission-v1"},
	{api, "admissionregistration/v1", "admissionregistration.k8s.io", "v1", "admissionregistration-v1"},
	{api, "apidiscovery/v2", "apidiscovery.k8s.io", "v2", "apidiscovery-v2"},
	{api, "apps/v1", "apps", "v1", "apps-v1"},
	{api, "authentication/v1", "authentication.k8s.io", "v1", "authentication-v1"},
	{api, "authorization/v1", "authorization.k8s.io", "v1", "authorization-v1"},
	{api, "autoscaling/v1", "autoscaling", "v1", "autoscaling-v1"},
	{api, "autoscaling/v2", "autoscaling", "v2", "autoscaling-v2"},
	{api, "batch/v1", "batch", "v1", "batch-v1"},
	{api, "certificates/v1", "certificates.k8s.io", "v1", "certificates-v1"},
	{api, "coordination/v1", "coordination.k8s.io", "v1", "coordination-v1"},
	{api, "discovery/v1", "discovery.k8s.io", "v1", "discovery-v1"},
	{api, "events/v1", "events.k8s.io", "v1", "events-v1"},
	{api, "flowcontrol/v1", "flowcontrol.apiserver.k8s.io", "v1", "flowcontrol-v1"},
	{api, "networking/v1", "networking.k8s.io", "v1", "networking-v1"},
	{api, "node/v1", "node.k8s.io", "v1", "node-v1"},
	{api, "policy/v1", "policy", "v1", "policy-v1"},
	{api, "rbac/v1", "rbac.authorization.k8s.io", "v1", "rbac-v1"},
	{api, "resource/v1", "resource.k8s.io", "v1", "resource-v1"},
	{api, "scheduling/v1", "scheduling.k8s.io", "v1", "scheduling-v1"},
	{api, "storage/v1", "storage.k8s.io", "v1", "storage-v1"},
	{"k8s.io/apiextensions-apiserver", "pkg/apis/apiextensions/v1", "apiextensions.k8s.io", "v1", "apiextensions-v1"},
	{"k8s.io/kube-aggregator", "pkg/apis/apiregistration/v1", "apiregistration.k8s.io", "v1", "apiregistration-v1"},
	{"k8s.io/metrics", "pkg/apis/metrics/v1beta1", "metrics.k8s.io", "v1beta1", "metrics-v1beta1"},
}

// builtins are the Go types with a JSON or wire form of their own.
var builtins = map[string]string{
	metaPackage + ".Time":                        "time",
	metaPackage + ".MicroTime":                   "microTime",
	metaPackage + ".Duration":                    "duration",
	metaPackage + ".FieldsV1":                    "fieldsV1",
	machinery + "/pkg/api/resource.Quantity":     "quantity",
	machinery + "/pkg/util/intstr.IntOrString":   "intOrString",
	machinery + "/pkg/runtime.RawExtension":      "raw",
	extensions + ".JSON":                         "json",
	extensions + ".JSONSchemaPropsOrArray":       "schemaOrArray",
	extensions + ".JSONSchemaPropsOrBool":        "schemaOrBool",
	extensions + ".JSONSchemaPropsOrStringArray": "schemaOrStringArray",
}

const extensions = "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: generate <output folder>"))
	}
	out := os.Args[1]
	packages := map[string]*goPackage{}
	var ordered []*goPackage
	dirs := map[string]string{}
	for _, s := range sources {
		if dirs[s.module] == "" {
			dirs[s.module] = moduleDir(s.module)
		}
		p, err := readPackage(s, filepath.Join(dirs[s.module], s.dir))
		fail(err)
		packages[p.path] = p
		ordered = append(ordered, p)
	}
	fail(os.MkdirAll(out, 0o755))
	for _, p := range ordered {
		if p.file != "" {
			fail(os.WriteFile(filepath.Join(out, p.file+".ts"), []byte(interfaces(p, packages)), 0o644))
		}
	}
	fail(os.WriteFile(filepath.Join(out, "facts.json"), facts(ordered, packages), 0o644))
}

func moduleDir(module string) string {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	fail(err)
	return strings.TrimSpace(string(text))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
