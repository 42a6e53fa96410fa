package objects

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Read reads the objects of a manifest or, where path is a folder, of the
// kustomization in it: namespaces and kinds come first.
func Read(ctx context.Context, path string) ([]k8s.Object, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return Build(ctx, filesys.MakeFsOnDisk(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return decode(ctx, path, data)
}

// Build reads the objects of a kustomization.
func Build(ctx context.Context, files filesys.FileSystem, path string) ([]k8s.Object, error) {
	options := &krusty.Options{Reorder: krusty.ReorderOptionLegacy, PluginConfig: types.DisabledPluginConfig()}
	built, err := krusty.MakeKustomizer(options).Run(files, path)
	if err != nil {
		return nil, fmt.Errorf("reading kustomization %s: %w", path, err)
	}
	data, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("reading kustomization %s: %w", path, err)
	}
	return decode(ctx, path, data)
}

func decode(ctx context.Context, path string, data []byte) ([]k8s.Object, error) {
	objects, err := decoder.DecodeAll(ctx, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return objects, nil
}
