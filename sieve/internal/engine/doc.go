// Package engine compiles Sieve scripts to closures and runs them. It knows no
// extension by name: every command, test, tag, comparator and match type, those
// of the base language too, comes from an Extension value of a file in
// sieve/internal/ext. Adding an extension is adding one file there.
//
// # How an extension looks
//
// A file declares one value and the functions that it names:
//
//	var _ = engine.Register(&engine.Extension{
//		Name: "fileinto", Spec: "RFC 5228 section 4.1",
//		Commands: []engine.Command{{
//			Name:   "fileinto",
//			Params: []engine.Param{{Name: "folder", Kind: engine.String, Check: checkFolder}},
//			Op:     compileFileinto,
//		}},
//	})
//
//	func compileFileinto(c *engine.Call) (engine.Op, error) {
//		folder := c.Str(0)
//		return func(r *engine.Run) error {
//			return r.Do(c, &action.Store{Mailbox: folder.Eval(r), Message: r.Message()})
//		}, nil
//	}
//
// While compiling, the engine looks up commands and tags among the extensions in
// effect, checks kinds and number of the arguments (Param), and only then calls
// the command's function. That function reads its arguments from the Call,
// prepares all that is constant, and returns a closure: an Op for a command, a
// Cond for a test. Something that is both has Op and Test set. The closure runs
// for every message, so it holds nothing that changes: what changes is in the
// *Run, and memory of an extension's own is a State.
//
//   - Arguments: Call.Str, Strs, Num by their place in Params; Str.Const gives a
//     value known now, Str.Eval the value at run time (variables). A tag's value:
//     Call.Tag("name").Str().
//   - Errors while compiling: return fmt.Errorf (reported at the call), or
//     c.Errorf(pos, …) for another place; c.Warnf for warnings.
//   - Errors while running: return r.Fail(c.Pos, …): it is logged and ends the
//     script with the implicit keep of the original message. r.LogError and r.Warn
//     log and go on.
//   - Effects: r.Do(c, action) joins an action to the result: first the effects
//     that tags added to the call (Call.AddEffect) change it, then duplicates are
//     merged, limits checked, and the implicit keep is cancelled.
//   - Tags on commands of others: Extension.Tags with On. Apply runs while
//     compiling and mostly adds an Effect (copy.go). Implicit does the same for
//     calls that do not carry the tag (imap4flags), Keep for the implicit keep.
//   - Matching tests set Match; their keys are the last Param. Call.Matcher gives
//     the matcher: m.Match(r, value) for one value, or Begin, Value and End for many.
//     A test whose values depend on the message alone returns Call.Comparing, so
//     that one which is surely false costs next to nothing (guard.go).
//   - What the compiler alone needs of a call (Call.Site: Parent, Prev, Tests) is
//     gone when closures run; they take it before.
//   - Tests that read header fields take them from Call.Fields, so that tags of
//     others (:index, :mime) can put another source in place by Call.WrapFields.
//   - Commands with a block set Block; Call.Block.Run(r) runs it. Its error is
//     ErrStop, a *RunError, or an error of the extension's own that a command
//     inside it returned to leave the block; the command that owns the block may
//     catch it.
//   - State: var flags = engine.NewState(newFlags); flags.Of(r) is the value of
//     this script in this run, flags.Of(c) that of this script while compiling.
//   - Settings: var limits = engine.NewConfig(readLimits), named in Configs;
//     limits.Of(r) or limits.Of(c).
//   - MIME parts: Run.Part is the part that a loop has reached, the message outside
//     of loops; a loop runs its block by Run.AtPart and finds its place in an
//     edited message by Run.PartNow. Run.Structure gives all parts.
//   - Other scripts: Compiler.Include compiles one that Compiler.Source gave,
//     Run.Include runs it as a part of the run. ErrReturn ends it.
//   - Variables: Compiler.Names has those of the script; Compiler.Variable finds one to write to; Namespaces add prefixes;
//     Modifiers add modifiers to set.
//
// A State or Config is a package-level variable of its own, not part of the
// registered value, because that value's functions refer to it.
//
// The registry is written while packages are initialised and only read
// afterwards, by New. Test commands join an engine by Options.Extra instead.
package engine
