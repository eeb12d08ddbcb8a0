// Package conformance builds upstream's own end-to-end suite as a program: `go test -c`.
//
// The suite is a library; it needs a test binary that imports its tests, tells it where its data files
// are and reads its flags. Nothing here changes what a test does.
package conformance

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"k8s.io/kubernetes/test/conformance/testdata"
	"k8s.io/kubernetes/test/e2e"
	"k8s.io/kubernetes/test/e2e/framework"
	"k8s.io/kubernetes/test/e2e/framework/config"
	"k8s.io/kubernetes/test/e2e/framework/testfiles"
	"k8s.io/kubernetes/test/e2e/invariants/logcheck"
	manifests "k8s.io/kubernetes/test/e2e/testing-manifests"
	"k8s.io/kubernetes/test/fixtures"

	_ "k8s.io/kubernetes/test/e2e/apimachinery"
	_ "k8s.io/kubernetes/test/e2e/apps"
	_ "k8s.io/kubernetes/test/e2e/architecture"
	_ "k8s.io/kubernetes/test/e2e/auth"
	_ "k8s.io/kubernetes/test/e2e/autoscaling"
	_ "k8s.io/kubernetes/test/e2e/common"
	_ "k8s.io/kubernetes/test/e2e/dra"
	_ "k8s.io/kubernetes/test/e2e/feature"
	_ "k8s.io/kubernetes/test/e2e/framework/debug/init"
	_ "k8s.io/kubernetes/test/e2e/framework/metrics/init"
	_ "k8s.io/kubernetes/test/e2e/framework/node/init"
	_ "k8s.io/kubernetes/test/e2e/instrumentation"
	_ "k8s.io/kubernetes/test/e2e/invariants"
	_ "k8s.io/kubernetes/test/e2e/kubectl"
	_ "k8s.io/kubernetes/test/e2e/lifecycle"
	_ "k8s.io/kubernetes/test/e2e/network"
	_ "k8s.io/kubernetes/test/e2e/node"
	_ "k8s.io/kubernetes/test/e2e/scheduling"
	_ "k8s.io/kubernetes/test/e2e/storage"
)

// Some tests wait without an end for what a server does not do; then a whole run would tell nothing.
var testTimeout = flag.Duration("test-timeout", 0, "how long one test may take; 0 leaves it to the test")

// limit gives a test an end, unless it has one of its own. Ginkgo can end only what takes a context.
func limit(nodeType types.NodeType, _ ginkgo.Offset, text string, args []any) (string, []any, []error) {
	if *testTimeout <= 0 || nodeType != types.NodeTypeIt {
		return text, args, nil
	}
	takesContext := false
	for _, arg := range args {
		if _, has := arg.(ginkgo.SpecTimeout); has {
			return text, args, nil
		}
		kind := reflect.TypeOf(arg)
		takesContext = takesContext || kind != nil && kind.Kind() == reflect.Func && kind.NumIn() == 1
	}
	if takesContext {
		args = append(args, ginkgo.SpecTimeout(*testTimeout))
	}
	return text, args, nil
}

func TestMain(m *testing.M) {
	config.CopyFlags(config.Flags, flag.CommandLine)
	framework.RegisterCommonFlags(flag.CommandLine)
	framework.RegisterClusterFlags(flag.CommandLine)
	logcheck.RegisterFlags(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "e2e.test takes flags alone, not %q\n", flag.Args())
		os.Exit(2)
	}
	ginkgo.AddTreeConstructionNodeArgsTransformer(limit)
	testfiles.AddFileSource(manifests.GetE2ETestingManifestsFS())
	testfiles.AddFileSource(fixtures.GetTestFixturesFS())
	testfiles.AddFileSource(testdata.GetConformanceTestdataFS())
	framework.AfterReadingAllFlags(&framework.TestContext)
	os.Exit(m.Run())
}

func TestE2E(t *testing.T) { e2e.RunE2ETests(t) }
