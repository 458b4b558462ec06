require "ihave";
if ihave ["fileinto", "vnd.example.none"] { fileinto "a"; } else { discard; }
