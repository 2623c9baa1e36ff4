"""The held-out set: other people, other sentences, other orders than in the development set.

Nobody tunes detectors on this module, or looks into it for the reason of a miss: its figures tell how the detectors do
on sentences that nobody thought of. Whoever needs more sentences to tune on writes them into the development set.
"""

from __future__ import annotations

from tests.bench.redaction.people import Culture, Lists
from tests.bench.redaction.texts import words

LISTS = Lists(
    names=(
        Culture(
            50,
            first=words(
                "William Barbara Richard Margaret Joseph Dorothy Charles Helen Christopher Ruth Anthony Sharon Donald "
                "Carol George Virginia Kenneth Judith Edward Megan Justin Kathryn Benjamin Hannah Samuel Olivia "
                "Gregory Alexis Frank Vanessa Alexander Natalie Raymond Victoria Patrick Kelly Jack Lauren Dennis "
                "Christine Jerry Evelyn Aaron Joan Henry Cheryl Douglas Martha Peter Andrea Zachary Teresa Logan "
                "Madison Ethan Chloe Noah Abigail Faith Hope Dawn Rose Rob Bill Mackenzie Harper Colton"
            ),
            last=words(
                "Sullivan Russell Ortega Henderson Coleman Jenkins Perry Powell Patterson Hughes Flores Washington "
                "Butler Simmons Foster Gonzales Bryant Alexander Griffin Hayes Myers Ford Hamilton Graham Wallace "
                "Woods Cole West Jordan Owens Reynolds Fisher Ellis Harrison Gibson McDonald Cruz Marshall Freeman "
                "Webb Tucker Burns Crawford Henry Boyd Mason Kennedy Warren Dixon Ramos Burke Snyder Whitaker "
                "Halloran Ostrander O'Malley"
            ),
        ),
        Culture(
            15,
            first=words("Mateo Valentina Diego Camila Javier Isabel Fernando Paola Raúl Beatriz Ignacio Ximena Rocío"),
            last=words(
                "Mendoza Castillo Vargas Romero Herrera Aguilar Salazar Guerrero Núñez Cabrera Villanueva del_Río"
            ),
        ),
        Culture(
            10,
            first=words("Rohan Neha Amit Shreya Karthik Divya Manish Pooja Harpreet Gurpreet Nisha Zainab Tariq"),
            last=words("Kapoor Joshi Verma Pillai Rao Bhatt Agarwal Mishra Subramanian Gill Malik Qureshi Das"),
        ),
        Culture(
            8,
            first=words("Jun Hui Ling Takeshi Haruka Seo-yeon Hyun Duc Anh Bao Rizal Akira"),
            last=words("Zhao Wu Zhou Lin Le Vo Lim Sato Kobayashi Nakamura Kang Santos Bautista"),
        ),
        Culture(
            7,
            first=words("Lorenzo Chiara Thierry Océane Wolfgang Heike Agnieszka Tomasz Olga Bogdan Søren Astrid Oisín"),
            last=words("Ferrari Esposito Moreau Girard Fischer Hoffmann Wiśniewski Popescu Volkov Lindqvist Ó_Briain"),
        ),
        Culture(
            5,
            first=words("Ngozi Emeka Kofi Thandiwe Sipho Fatou Khalid Yasmin Ibrahim Noor Mehmet Zeynep"),
            last=words("Eze Boateng Dlamini Otieno Traoré Farouk Saleh Yilmaz Khoury Abebe"),
        ),
    ),
    streets=words(
        "Birch Chestnut Hickory Magnolia Adams Monroe Third Seventh River Harbor_View Fox_Hollow Stonegate King Queen "
        "Bayberry Prospect Union Willow_Creek Martin_Luther_King Old_Post"
    ),
    towns=(
        "Columbus, Ohio", "Houston, Texas", "Eugene, Oregon", "Orlando, Florida", "Peoria, Illinois", "Mesa, Arizona",
        "Tacoma, Washington", "Buffalo, New York", "Oakland, California", "Omaha, Nebraska", "Savannah, Georgia",
        "Baton Rouge, Louisiana", "St. Paul, Minnesota", "Salem, Massachusetts",
    ),
    companies=words(
        "summit orange wolf lumen paper field metro craft vista solar copper ridge delta fresh lantern oakwood pilot "
        "union book kitchen"
    ),
    rooms=("the Victoria room", "Carson City", "the Faraday lab", "Ada", "Conference Room Berlin", "the Hudson lounge"),
    brands=("Levi's", "Wells Fargo", "Ben & Jerry's", "Lincoln", "Dyson", "Philips", "Harley-Davidson", "Kenneth Cole"),
    places=("Sydney", "Savannah", "Dallas", "Phoenix", "Lourdes", "Victoria", "Turkey", "Dakota", "Florida", "Nairobi"),
)  # fmt: skip

PERSONAL: dict[str, tuple[str, ...]] = {
    "CARD_NUMBER": (
        "Alright, got the wallet here, it's the Mastercard, and the long number across the front reads {card}.",
        "{card}, that's the one I'd like you to put the deposit on, it's a debit card.",
        "You've still got {card} on file but that card got replaced in the spring.",
        "So the payment bounced, and when I look at the confirmation it shows {card} as the card we used.",
        "No, not that one, try the Discover instead: {card}.",
        "Go ahead whenever you're ready. Yeah so {card}.",
        "I see two charges on {card}, neither of which I recognize, so could somebody please block the card?",
        "Name on the card is {name}, number {card}, good until {expiry}, and three digits on the back are {cvv}.",
        "For the hotel they want a credit card to hold the room, so use {card} for that.",
        "It starts with, let me get my glasses, {card}, and that's a corporate Amex.",
        "Would you read that back? I have {card} for the card.",
    ),
    "CVV": (
        "And on the back, next to the signature, there's {cvv}, that's the security code, right?",
        "What you want is the CVV, so {cvv}.",
        "I typed {cvv} in the field for the CVC and it kept saying invalid.",
        "{cvv} is the code on the back of the card.",
        "Security code? Uh, {cvv}.",
        "The little number, the card verification value, is {cvv}.",
    ),
    "CARD_EXPIRATION": (
        "The card runs out {expiry}, so we have some time.",
        "{expiry} is what it says under valid thru.",
        "When does it expire? {expiry}.",
        "They sent me a new one, same number, but now the expiration is {expiry}.",
        "For the expiration I have {expiry}, could you double check that?",
        "On the front, expires end, {expiry}, and the CVV is {cvv}.",
    ),
    "CARD_PIN": (
        "The machine ate my card after I put in {pin} as the PIN three times.",
        "I know I shouldn't say this out loud, but the PIN is {pin}.",
        "You asked for my PIN number, it would be {pin}.",
        "Can I pick my own PIN? I'd want {pin}.",
        "{pin}, that's the PIN I've had since college.",
    ),
    "IBAN": (
        "We wire everything from Frankfurt, so the beneficiary's IBAN would be {iban}, they do the rest.",
        "{iban} is where the salary goes.",
        "I copied the IBAN off the statement, {iban}, maybe there's a typo in there.",
        "The landlord wants the rent paid into {iban} by the first.",
        "If I read it out, are you writing? {iban}. That's the whole IBAN.",
        "Which one did you book it to? We've got {iban} in our system.",
        "Our supplier changed banks, new IBAN {iban}, new BIC {swift}.",
        "Direct debit from {iban} failed twice last month.",
    ),
    "SWIFT_CODE": (
        "For an international wire you'd also need our BIC, which is {swift}.",
        "{swift}, that's the SWIFT for the branch.",
        "Do they have a SWIFT code? They do, {swift}.",
        "The transfer came back because someone entered {swift} as the swift code.",
        "In the field labelled BIC or SWIFT put {swift}.",
    ),
    "ROUTING_NUMBER": (
        "At the bottom left of the check, the routing number, there's {routing}, then comes the account {account}.",
        "{routing} is the bank's routing number, I looked it up online.",
        "Payroll says the routing number they have, {routing}, belongs to a different bank.",
        "So for the ACH I'd need routing first. Sure, {routing}.",
        "Our ABA is {routing} for wires, and it's a different one for checks.",
        "I switched banks in the summer and the new routing transit number is {routing}.",
        "Can you confirm the routing number ends the way I think? I've got {routing}.",
        "Is it {routing}, the routing number for the credit union?",
    ),
    "BANK_ACCOUNT_NUMBER": (
        "Then right after that on the check is the account number, it's {account}.",
        "The refund should land in {account}, that's my checking account with the credit union.",
        "I've two accounts with you, the one I mean is account {account}.",
        "{account} is the account number, the routing is {routing}.",
        "You took the fee out of the wrong bank account, it should have been {account}.",
        "We opened a joint savings account, number {account}, a while back.",
    ),
    "PERSON_NAME": (
        "Hey, it's {first} again, we got disconnected.",
        "Good afternoon, {name} speaking.",
        "Yeah hi, {name} here, I had a quick question about the renewal.",
        "The gentleman I spoke with was called {name}, very helpful by the way.",
        "That'd be under {name}, maybe under my wife's name, {name}.",
        "Whoever it was signed the email as {name}.",
        "So {first}, walk me through what happened.",
        "Ms. {surname} told us the lawyers are fine with it.",
        "My son {first} set the router up for me.",
        "Let me transfer you over to {name} in the claims department.",
        "Do you know whether {first} and {first} are joining the call?",
        "Please make the check out to {name}.",
        "I'm here with my colleague {name}, who runs logistics for us.",
        "{first}, can you hear us?",
        "And who am I talking to? {name}. Great, thank you.",
        "Professor {surname} asked for the slides.",
        "The tenant, {name}, moved out without telling anyone.",
        "You can ask for me by name, just say {first}.",
        "According to {name}, nobody signed off on that.",
    ),
    "EMAIL_ADDRESS": (
        "Best thing would be if you shoot it over to {email}, I check that one all day.",
        "{email}, and make sure to put the reference in the subject line.",
        "My assistant will need it too, so {email} and {email}.",
        "I think you've got my old work email, the current one is {email}.",
        "Where should the invoice go? To {email}, please.",
        "I signed up with {email} and now it won't let me log in.",
        "The receipt went to some {email} which isn't mine.",
        "There's a typo in there, it has to be {email}.",
        "Just loop in {name}, that's {email}.",
        "Our helpdesk is {email} if you ever get stuck.",
        "For the newsletter? Sure, use {email}, I guess.",
    ),
    "AGE": (
        "Mom just turned {age}, so she qualifies, doesn't she?",
        "We've got two drivers on the policy, ages {age} and {age}.",
        "A {age} year old shouldn't have to wait for that.",
        "How old are you? {age}.",
        "Being {age} years of age I'd rather not climb a ladder.",
        "I was {age} when they hired me.",
    ),
    "PHONE_NUMBER": (
        "If the line drops, try me back on {phone}.",
        "{phone} is my direct line, the switchboard never picks up.",
        "Somebody keeps calling me from {phone} and hanging up.",
        "The driver didn't call, he must have had the wrong number, mine's {phone}.",
        "Okay what's a good number? It would be {phone}.",
        "She left a voicemail saying to ring {phone} before noon.",
        "You can use WhatsApp, same number, {phone}.",
        "I got a new SIM so from now on it's {phone}.",
        "Area code first? Alright, {phone}.",
        "Emergency contact is {name}, {phone}.",
        "Let me leave you two numbers, {phone} during the day and {phone} in the evening.",
    ),
    "ADDRESS": (
        "The package was left at {address}, which isn't even our building.",
        "We're over at {address}, right behind the gas station.",
        "Where are you located? {address}.",
        "Can you change the delivery to {address} while I'm away?",
        "{address} is where the meter is, the bills go elsewhere.",
        "There's been an accident in front of {address}.",
        "I've been renting a place at {address} since the fall.",
        "My mailing address is different, it's {address}.",
    ),
    "DATE_OF_BIRTH": (
        "For verification, the birth date I have on file is {birth}.",
        "{birth} is my birthday.",
        "My daughter's date of birth would be {birth}.",
        "And you were born when? {birth}.",
        "The patient, {name}, born {birth}, is allergic to penicillin.",
        "Birthdate? Let me think, {birth}.",
    ),
    "SSN": (
        "They asked for the full social, so here goes, {ssn}.",
        "{ssn} is the social security number on the form.",
        "On the tax return it lists {ssn} as my SSN, and that's my husband's.",
        "I need to freeze my credit, my social security is {ssn}.",
        "And your social? {ssn}.",
        "Last name {surname}, social {ssn}, and I'd like to know where my claim stands.",
        "I never gave anybody my social security number but they had it, {ssn}, to the digit.",
        "You want the whole SSN or just part of it? It's {ssn}.",
    ),
    "PASSPORT_NUMBER": (
        "For the booking they need the passport, the number's {passport}.",
        "{passport} is the number on my new passport.",
        "I lost my passport in {place}, number {passport}, and the embassy wants a police report.",
        "Her passport number, if I read this right, is {passport}.",
        "Check in with passport number {passport} keeps failing.",
    ),
    "DRIVERS_LICENSE": (
        "The officer wrote down my license as {licence}.",
        "{licence}, that's what my driver's license says at the top.",
        "To rent the van they'll want your license number. Okay, {licence}.",
        "My old driver's license number was {licence} before I moved states.",
        "Driver license number? {licence}.",
    ),
    "DATE": (
        "We can have somebody there on {date}, does that work?",
        "Nothing has happened since {date}, which is frankly unacceptable.",
        "{date} would be the earliest.",
        "The policy kicks in {date} and not a day sooner.",
        "As of {date} we're under new management.",
        "Push the launch from {date} to {date}, please.",
    ),
    "DOMAIN_NAME": (
        "Everything's explained on {domain} under help.",
        "{domain} has been down all morning.",
        "Type {domain} into the address bar.",
        "The link you sent takes me to {domain}, is that legit?",
        "She registered {domain} years ago and wants to sell it.",
        "Have you tried {domain} instead?",
    ),
    "IP_ADDRESS": (
        "We saw a bunch of failed logins coming from {ip} overnight.",
        "{ip} is the box in the basement, the printer has another IP.",
        "Can you whitelist {ip} on your side?",
        "When I trace it, the last hop I get is {ip}.",
        "DNS still points at {ip}, it should be {ip}.",
        "The camera is reachable on {ip} inside our network.",
        "I plugged it in and it picked up {ip} as its address.",
        "What's your IP? Looks like {ip}.",
    ),
}

HARMLESS: tuple[str, ...] = (
    "Could you look up {order} for me, that's the confirmation I got.",
    "{order} is what the ticket says, opened back in {year}.",
    "Quote {order} came in at {price}, which is {percent} over budget.",
    "Serial number {order}, bought it around {year} I want to say.",
    "We did {quantity} orders in {year}, up from {quantity}.",
    "Dinner's at {time}, the table is under the company's name.",
    "I'm in {room} until {time}, then I'm free.",
    "Honestly {price} a month for that is steep, the other guys want {price}.",
    "After the update to {version} nothing prints any more.",
    "My {brand} is from {year} and has {quantity} miles on it.",
    "We're flying out of {place} at {time} and back through {place}.",
    "She will, if the weather allows, and he may not.",
    "Will you mark it as read so I don't see it again?",
    "Let's hope we can bill them in June or in August.",
    "The art department has a lot of faith in that design.",
    "You have to sign at the dotted line, on the dot, no later.",
    "He's at work, she's at home, and the dog is at the vet.",
    "That's one thing, the other two are minor, four or five hours at most.",
    "Nine times out of ten it's the cable.",
    "I waited for forty five minutes, then another twenty, then I gave up.",
    "Two for the price of one, that was the deal.",
    "Turn to page {quantity} and look at the third paragraph.",
    "We're about {percent} done, maybe a little less.",
    "Gate {quantity}, boarding at {time}, don't be late.",
    "I can't remember my card number by heart, sorry.",
    "Do I have to spell my email for you?",
    "They never ask for the PIN, that would be a scam.",
    "A routing number has nine digits, doesn't it?",
    "I'm not giving my social security number over the phone.",
    "The iPhone or the other phone, whichever is cheaper.",
    "You'd need a valid passport and a driver's license for that.",
    "How old is the building? Built in {year}, I think.",
    "From {year} through {year} they grew {percent} a year.",
    "SKU {order}, size ten, color grey, {quantity} pieces.",
    "It dropped from {price} to {price} overnight.",
    "The game ended seven to three.",
    "Dial nine to get an outside line.",
    "He lives in {place} now, or was it {place}?",
    "I work at {brand}, in the warehouse.",
    "The lease is for {few} months with {few} days notice.",
    "One two three testing, can everybody hear me?",
    "That's a win-win, to be frank, and a joy to see.",
    "I'm on hold, it's ridiculous.",
    "It's complicated, let me start over.",
    "This is exactly what I was afraid of.",
    "You're speaking too fast, slow down please.",
    "Hi, I'm looking for a birthday gift.",
    "I'm good, thanks, how are you?",
    "Their website is slow and the app is worse.",
    "Is there a street entrance or do I go through the parking lot?",
    "The address on the label was smudged.",
    "That car's a {few} year old diesel, no thanks.",
    "It's all written in Node.js, apart from setup.py.",
    "The cards were dealt and I had {few} points.",
    "I've been on this account for {few} years.",
    "Route {quantity} is closed, take the exit before that.",
    "We need more memory, {quantity} gigs at least.",
    "Policy {order} covers that, policy {order} doesn't.",
)
