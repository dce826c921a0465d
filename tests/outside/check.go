// check verifies a casemate ledger with Go's own transparency-log code: check VKEY LEDGER PROOFS.json
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		bytes, err := os.ReadFile(string(f) + "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

type step struct {
	N     int64
	Hash  tlog.Hash
	Proof []tlog.Hash
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	text, err := os.ReadFile(os.Args[2] + "/checkpoint")
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.SplitN(opened.Text, "\n", 2)
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + lines[1]))
	must(err)
	hashes := tlog.TileHashReader(tree, folder(os.Args[2]))
	raw, err := os.ReadFile(os.Args[3])
	must(err)
	var proofs struct{ Records, Trees []step }
	must(json.Unmarshal(raw, &proofs))
	for _, p := range proofs.Records { // our proofs by their rules, their proofs from our tiles
		must(tlog.CheckRecord(p.Proof, tree.N, tree.Hash, p.N, p.Hash))
		theirs, err := tlog.ProveRecord(tree.N, p.N, hashes)
		must(err)
		must(tlog.CheckRecord(theirs, tree.N, tree.Hash, p.N, p.Hash))
	}
	for _, p := range proofs.Trees {
		must(tlog.CheckTree(p.Proof, tree.N, tree.Hash, p.N, p.Hash))
	}
	fmt.Printf("%s: %d records, %d proofs\n", lines[0], tree.N, len(proofs.Records)+len(proofs.Trees))
}
