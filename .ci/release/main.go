// Command release holds a bill of materials against the schema of CycloneDX 1.6.
// It belongs to .ci/release/build, and is a module of its own so that the daemon does
// not depend on what its release is made with.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// where CycloneDX's schemas refer to each other.
const schemas = "http://cyclonedx.org/schema/"

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: release SCHEMAS FILE…")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check holds files against the schemas in a directory.
func check(dir string, files []string) error {
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{
		"bom-1.6.schema.json":  "bom-1.6.schema.json",
		"spdx.schema.json":     "spdx.schema.json",
		"jsf-0.82.schema.json": "jsf-0.82.schemax.json", // so it is called in cyclonedx-go
	} {
		schema, err := read(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if err := compiler.AddResource(schemas+name, schema); err != nil {
			return err
		}
	}
	schema, err := compiler.Compile(schemas + "bom-1.6.schema.json")
	if err != nil {
		return err
	}
	for _, name := range files {
		bom, err := read(name)
		if err != nil {
			return err
		}
		if err := schema.Validate(bom); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func read(path string) (any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return jsonschema.UnmarshalJSON(f)
}
