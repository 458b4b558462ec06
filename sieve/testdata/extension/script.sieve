require ["vnd.example.list", "fileinto", "variables"];
if list :matches "*.lists.example.org" { fileinto "Lists/${1}"; }
