// Command clients exercises a running cluster through Kubernetes' own Go libraries, as operators do:
// client-go with its default wire format, protobuf, and controller-runtime.
//
// It prints a JSON object a line for each check, {"name": …, "error": …}, and exits with 1 if one failed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// A check gets a namespace of its own and returns the first thing that is not as it should be.
type check struct {
	name string
	run  func(ctx context.Context, config *rest.Config, namespace string) error
}

var checks = []check{
	{"typed-create-update-delete", typedObjects},
	{"server-side-apply", serverSideApply},
	{"pages", pages},
	{"informer-with-watch-list", informer},
	{"leader-election", leaderElection},
	{"dynamic-and-discovery", dynamicAndDiscovery},
	{"controller-runtime", controllerRuntime},
}

func main() {
	// controller-runtime brings the flag --kubeconfig.
	limit := flag.Duration("timeout", 60*time.Second, "of one check")
	flag.Parse()
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	config, err := ctrl.GetConfig()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	config.QPS, config.Burst = 200, 400
	failed := false
	for _, c := range checks {
		err := inNamespace(config, c, *limit)
		line := struct {
			Name  string `json:"name"`
			Error string `json:"error,omitempty"`
		}{Name: c.name}
		if err != nil {
			failed = true
			line.Error = err.Error()
		}
		_ = json.NewEncoder(os.Stdout).Encode(line)
	}
	if failed {
		os.Exit(1)
	}
}

func inNamespace(config *rest.Config, c check, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	namespace := "go-" + c.name
	if err := createNamespace(ctx, client, namespace); err != nil {
		return err
	}
	defer func() { _ = client.CoreV1().Namespaces().Delete(context.Background(), namespace, background) }()
	return c.run(ctx, config, namespace)
}
