package reports

import _ "embed" // the schema

// Schema is the JSON Schema of results.json. It is open: what a later version
// adds does not make a record invalid to who reads by this one.
//
//go:embed schema.json
var Schema []byte
