package main

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

var background = metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}

func createNamespace(ctx context.Context, client kubernetes.Interface, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"key": value}}
}

// Typed writes travel as protobuf; what comes back has the defaults, and a stale write is refused.
func typedObjects(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	deployments := client.AppsV1().Deployments(namespace)
	labels := map[string]string{"app": "typed"}
	made, err := deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "typed"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "coracle.local/hello:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if made.Spec.Strategy.RollingUpdate == nil || made.Spec.Strategy.RollingUpdate.MaxSurge.String() != "25%" {
		return fmt.Errorf("maxSurge is not defaulted: %v", made.Spec.Strategy)
	}
	stale := made.DeepCopy()
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		current, err := deployments.Get(ctx, "typed", metav1.GetOptions{})
		if err != nil {
			return err
		}
		current.Spec.Template.Spec.Containers[0].Image = "coracle.local/hello:2"
		_, err = deployments.Update(ctx, current, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	stale.Labels = map[string]string{"late": "yes"}
	if _, err := deployments.Update(ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("a stale update gave %v", err)
	}
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}`)
	patched, err := deployments.Patch(ctx, "typed", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	if c := patched.Spec.Template.Spec.Containers[0]; c.Image != "coracle.local/hello:2" || len(c.Env) != 1 {
		return fmt.Errorf("the patch gave %+v", c)
	}
	if _, err := deployments.UpdateScale(ctx, "typed", scaleOf(namespace, "typed", 0), metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := deployments.Delete(ctx, "typed", background); err != nil {
		return err
	}
	if _, err := deployments.Get(ctx, "typed", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("a deleted deployment gave %v", err)
	}
	_, err = client.CoreV1().ConfigMaps(namespace).Create(ctx, configMap("Not_A_Name", ""), metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) {
		return fmt.Errorf("a bad name gave %v", err)
	}
	return nil
}

// Apply owns what it names: another manager is refused, and takes over by force.
func serverSideApply(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(namespace)
	wanted := func(value string) *applycorev1.ConfigMapApplyConfiguration {
		return applycorev1.ConfigMap("applied", namespace).WithData(map[string]string{"key": value})
	}
	if _, err := maps.Apply(ctx, wanted("one"), metav1.ApplyOptions{FieldManager: "first"}); err != nil {
		return err
	}
	_, err = maps.Apply(ctx, wanted("two"), metav1.ApplyOptions{FieldManager: "second"})
	if !apierrors.IsConflict(err) {
		return fmt.Errorf("a second manager gave %v", err)
	}
	taken, err := maps.Apply(ctx, wanted("two"), metav1.ApplyOptions{FieldManager: "second", Force: true})
	if err != nil {
		return err
	}
	if taken.Data["key"] != "two" {
		return fmt.Errorf("after a forced apply: %v", taken.Data)
	}
	extracted, err := applycorev1.ExtractConfigMap(taken, "second")
	if err != nil {
		return err
	}
	if extracted.Data["key"] != "two" {
		text, _ := json.Marshal(extracted)
		return fmt.Errorf("what second owns is %s", text)
	}
	return nil
}

// A list in pages is whole, in order, and of one moment.
func pages(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(namespace)
	const many = 57
	for i := range many {
		if _, err := maps.Create(ctx, configMap(fmt.Sprintf("page-%02d", i), ""), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	paged := pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
		return maps.List(ctx, options)
	}))
	paged.PageSize = 10
	seen := 0
	err = paged.EachListItem(ctx, metav1.ListOptions{LabelSelector: "!none"}, func(object runtime.Object) error {
		if name := object.(*corev1.ConfigMap).Name; name != "kube-root-ca.crt" {
			if wanted := fmt.Sprintf("page-%02d", seen); name != wanted {
				return fmt.Errorf("%s where %s was expected", name, wanted)
			}
			seen++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if seen != many {
		return fmt.Errorf("%d of %d objects came", seen, many)
	}
	return nil
}
