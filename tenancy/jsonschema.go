package tenancy

import _ "embed" // the schema

// Schema is the JSON Schema of a tenancy file, for editors. It refuses what one
// value or its neighbours show to be wrong; what takes the whole file or the
// cluster to see, such as a tenant that nobody listed, is left to Parse and
// Discover. What it refuses, Parse refuses too.
//
//go:embed schema.json
var Schema []byte
