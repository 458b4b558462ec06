require ["include", "fileinto"]; include "norequire";
