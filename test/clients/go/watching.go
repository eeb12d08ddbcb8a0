package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func scaleOf(namespace, name string, replicas int32) *autoscalingv1.Scale {
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
	}
}

// Informers of this client-go open with a watch that sends what exists first (KEP-3157).
func informer(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(namespace)
	if _, err := maps.Create(ctx, configMap("early", "1"), metav1.CreateOptions{}); err != nil {
		return err
	}
	events := make(chan string, 100)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	shared := factory.Core().V1().ConfigMaps()
	name := func(object any) string {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		return object.(*corev1.ConfigMap).Name
	}
	_, err = shared.Informer().AddEventHandler(cache.FilteringResourceEventHandler{
		FilterFunc: func(object any) bool { return name(object) != "kube-root-ca.crt" },
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { events <- "add " + name(object) },
			UpdateFunc: func(_, object any) { events <- "update " + name(object) },
			DeleteFunc: func(object any) { events <- "delete " + name(object) },
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), shared.Informer().HasSynced) {
		return errors.New("the cache does not sync")
	}
	if _, err := shared.Lister().ConfigMaps(namespace).Get("early"); err != nil {
		return err
	}
	if _, err := maps.Create(ctx, configMap("late", "1"), metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Update(ctx, configMap("late", "2"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := maps.Delete(ctx, "late", metav1.DeleteOptions{}); err != nil {
		return err
	}
	for _, wanted := range []string{"add early", "add late", "update late", "delete late"} {
		select {
		case event := <-events:
			if event != wanted {
				return fmt.Errorf("%q where %q was expected", event, wanted)
			}
		case <-ctx.Done():
			return fmt.Errorf("no event %q came", wanted)
		}
	}
	return nil
}

// Two candidates and one Lease: the second leads as soon as the first lets go.
func leaderElection(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	leads := make(chan string, 10)
	candidate := func(ctx context.Context, identity string) {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "leader", Namespace: namespace},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock:            lock,
			ReleaseOnCancel: true,
			LeaseDuration:   15 * time.Second,
			RenewDeadline:   10 * time.Second,
			RetryPeriod:     200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- identity },
				OnStoppedLeading: func() {},
			},
		})
	}
	expect := func(identity string) error {
		select {
		case who := <-leads:
			if who != identity {
				return fmt.Errorf("%s leads, not %s", who, identity)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s never leads", identity)
		}
	}
	first, stop := context.WithCancel(ctx)
	defer stop()
	go candidate(first, "first")
	if err := expect("first"); err != nil {
		return err
	}
	go candidate(ctx, "second")
	time.Sleep(time.Second)
	if len(leads) > 0 {
		return fmt.Errorf("%s leads beside first", <-leads)
	}
	stop()
	return expect("second")
}

// What tools do that know no kinds: discovery, a mapping from kind to path, untyped objects and their watch.
func dynamicAndDiscovery(ctx context.Context, config *rest.Config, namespace string) error {
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	groups, lists, err := found.ServerGroupsAndResources()
	if err != nil {
		return err
	}
	if len(groups) < 20 || len(lists) < 20 {
		return fmt.Errorf("discovery shows %d groups and %d lists", len(groups), len(lists))
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"})
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	ingresses := client.Resource(mapping.Resource).Namespace(namespace)
	watch, err := ingresses.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer watch.Stop()
	_, err = ingresses.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1",
		"kind":       "Ingress",
		"metadata":   map[string]any{"name": "door"},
		"spec": map[string]any{"defaultBackend": map[string]any{
			"service": map[string]any{"name": "web", "port": map[string]any{"number": int64(80)}},
		}},
	}}, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return err
	}
	select {
	case event := <-watch.ResultChan():
		if object, ok := event.Object.(*unstructured.Unstructured); !ok || object.GetName() != "door" {
			return fmt.Errorf("the watch gave %v", event)
		}
		return nil
	case <-ctx.Done():
		return errors.New("the watch gave nothing")
	}
}
