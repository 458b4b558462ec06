require ["fileinto", "imap4flags"]; addflag "b"; fileinto "x";
