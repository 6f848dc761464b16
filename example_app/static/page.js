document.getElementById("file").textContent = "The file ran: it is the one its hash names.";
