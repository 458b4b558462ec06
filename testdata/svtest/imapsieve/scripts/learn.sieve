require ["imapsieve", "environment", "variables"];
if environment :matches "imap.user" "*" {
	discard;
}
discard;
