package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/go-logr/logr"
)

const finalizer = "coracle.dev/mirrored"

// mirror keeps a Secret beside each ConfigMap that asks for it: an operator in small.
type mirror struct{ client.Client }

func (m *mirror) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var source corev1.ConfigMap
	if err := m.Get(ctx, request.NamespacedName, &source); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if source.Labels["mirror"] != "yes" {
		return ctrl.Result{}, nil
	}
	if !source.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(&source, finalizer) {
			return ctrl.Result{}, m.Update(ctx, &source)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(&source, finalizer) {
		if err := m.Update(ctx, &source); err != nil {
			return ctrl.Result{}, err
		}
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: source.Name, Namespace: source.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, m.Client, secret, func() error {
		secret.Data = map[string][]byte{"key": []byte(source.Data["key"])}
		return controllerutil.SetControllerReference(&source, secret, m.Scheme())
	})
	return ctrl.Result{}, err
}

// An operator on controller-runtime: leader election, cache, owned objects, finalizers, garbage collection.
func controllerRuntime(ctx context.Context, config *rest.Config, namespace string) error {
	log.SetLogger(logr.Discard())
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Cache:                         cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		LeaderElection:                true,
		LeaderElectionID:              "mirror.coracle.dev",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&corev1.ConfigMap{}).
		Owns(&corev1.Secret{}).
		Complete(&mirror{manager.GetClient()})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(running) }()
	defer func() { stop(); <-ended }()

	direct, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	source := configMap("source", "one")
	source.Namespace, source.Labels = namespace, map[string]string{"mirror": "yes"}
	if err := direct.Create(ctx, source); err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(source)
	if err := awaitSecret(ctx, direct, key, "one"); err != nil {
		return err
	}
	change := client.MergeFrom(source.DeepCopy())
	source.Data["key"] = "two"
	if err := direct.Patch(ctx, source, change); err != nil {
		return err
	}
	if err := awaitSecret(ctx, direct, key, "two"); err != nil {
		return err
	}
	if err := direct.Delete(ctx, source); err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := direct.Get(ctx, key, &corev1.Secret{})
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("the owned Secret is not collected: %w", err)
	}
	return nil
}

func awaitSecret(ctx context.Context, reader client.Reader, key client.ObjectKey, value string) error {
	last := "no Secret"
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var secret corev1.Secret
		if err := reader.Get(ctx, key, &secret); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		last = string(secret.Data["key"])
		return last == value, nil
	})
	if err != nil {
		return fmt.Errorf("the mirror says %q, not %q: %w", last, value, err)
	}
	return nil
}
