"""The development set: sentences and lists on which detectors may be tuned."""

from __future__ import annotations

from tests.bench.redaction.people import Culture, Lists
from tests.bench.redaction.texts import words

LISTS = Lists(
    names=(
        Culture(
            50,
            first=words(
                "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth Susan Jessica Thomas "
                "Sarah Karen Daniel Nancy Matthew Lisa Betty Mark Sandra Ashley Steven Kimberly Andrew Emily "
                "Paul Donna Joshua Michelle Kevin Amanda Brian Melissa Timothy Deborah Ronald Stephanie Jason "
                "Rebecca Jeffrey Laura Ryan Cynthia Jacob Amy Gary Angela Nicholas Shirley Eric Anna Stephen "
                "Brenda Scott Emma Brandon Grace Will April Tyler Brooke"
            ),
            last=words(
                "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore Jackson Martin Lee "
                "Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green "
                "Adams Nelson Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins "
                "Stewart Morris Rogers Reed Cook Murphy Bailey Cooper Howard Ward Peterson Kelly Wood Bennett "
                "Hughes Price O'Connor McCarthy Fitzgerald"
            ),
        ),
        Culture(
            15,
            first=words(
                "José Maria Juan Carmen Luis Guadalupe Carlos Rosa Jorge Ana Miguel Elena Alejandro Sofía Ramón "
                "Lucía"
            ),
            last=words(
                "Garcia Rodriguez Martinez Hernandez Lopez Gonzalez Perez Sanchez Ramirez Torres Flores Rivera "
                "Gomez Diaz Cruz Reyes Morales Ortiz Gutierrez Chavez de_la_Cruz"
            ),
        ),
        Culture(
            10,
            first=words(
                "Aarav Priya Rahul Ananya Vikram Deepa Suresh Kavita Arjun Lakshmi Sandeep Meera Imran Farah"
            ),
            last=words(
                "Patel Sharma Singh Gupta Reddy Kumar Iyer Desai Nair Chowdhury Khan Banerjee Mehta"
            ),
        ),
        Culture(
            8,
            first=words(
                "Wei Mei Jing Hiroshi Yuki Min-jun Ji-woo Thanh Linh Kenji Sakura Xiaoming"
            ),
            last=words(
                "Wang Zhang Chen Nguyen Tran Kim Park Tanaka Suzuki Yamamoto Liu Huang Pham Choi"
            ),
        ),
        Culture(
            7,
            first=words(
                "Giulia Matteo François Amélie Jürgen Anneliese Katarzyna Piotr Svetlana Dmitri Lars Ingrid "
                "Sinéad Niamh"
            ),
            last=words(
                "Rossi Bianchi Dubois Lefèvre Müller Schneider Kowalski Nowak Ivanova Petrov Johansson Hansen "
                "van_den_Berg"
            ),
        ),
        Culture(
            5,
            first=words(
                "Chinedu Amara Kwame Abena Oluwaseun Zanele Tendai Wanjiru Mohammed Aisha Omar Layla Youssef"
            ),
            last=words(
                "Okafor Mensah Adeyemi Nkosi Mwangi Diallo Hassan Abdullah Haddad Mansour"
            ),
        ),
    ),
    streets=(
        "Maple", "Oak", "Elm", "Washington", "Lincoln", "Cedar Ridge", "Park", "Sunset", "Lake View", "Main", "Church",
        "Walnut", "Fifth", "Jefferson", "Spring Hill", "Mill Creek", "Franklin", "Highland", "Meadow", "Second",
    ),
    towns=(
        "Dayton, Ohio", "Austin, Texas", "Portland, Oregon", "Tampa, Florida", "Springfield, Illinois", "Reno, Nevada",
        "Madison, Wisconsin", "Boise, Idaho", "Albany, New York", "Fresno, California", "Denver, Colorado",
        "Mobile, Alabama", "Richmond, Virginia", "Little Rock, Arkansas",
    ),
    companies=(
        "acme", "blue", "river", "north", "star", "green", "leaf", "data", "works", "cloud", "bright", "home", "stone",
        "market", "garden", "smart", "tools", "harbor", "pixel", "travel",
    ),
    rooms=("Maple Room", "Grace Hall", "Jordan suite", "Room Lincoln", "Studio Charlotte", "the Austin room"),
    brands=("Wendy's", "Ford", "Mercedes", "Dell", "Johnson & Johnson", "Mary Kay", "Macy's", "John Deere", "Tesla"),
    places=("Paris", "Charlotte", "Austin", "Jordan", "Georgia", "Chicago", "Madison", "Houston", "Florence", "China"),
)  # fmt: skip

PERSONAL: dict[str, tuple[str, ...]] = {
    "CARD_NUMBER": (
        "My card number is {card}.",
        "The card is {card} and it expires {expiry}.",
        "Sure, it's a Visa, {card}.",
        "Can you charge it to my credit card? The number is {card}.",
        "Okay so the sixteen digits are {card}, did you get that?",
        "I'd like to pay with {card}, security code {cvv}.",
        "Let me read you the card, {card}.",
        "The old card was {card} but it was stolen.",
        "Yeah, {card}.",
        "Please use the debit card ending as follows, {card}, under the name {name}.",
        "I have an American Express, the number on it is {card}, and my zip code is the usual one.",
    ),
    "CVV": (
        "The security code is {cvv}.",
        "And the CVV on the back is {cvv}.",
        "The three digits on the back are {cvv}, I think.",
        "CVC {cvv}, and the card expires {expiry}.",
        "It says {cvv} for the CVV.",
        "My verification code for the card is {cvv}.",
    ),
    "CARD_EXPIRATION": (
        "It expires {expiry}.",
        "The expiration date is {expiry}.",
        "Expiry {expiry}, security code {cvv}.",
        "The card is valid until {expiry}.",
        "Exp date is {expiry} on that card.",
        "My card is good through {expiry}.",
    ),
    "CARD_PIN": (
        "My PIN is {pin}.",
        "The PIN for the card is {pin}, please don't write it down.",
        "I always use {pin} as my PIN.",
        "I entered the pin code {pin} and it was rejected.",
        "Please reset my PIN from {pin}.",
    ),
    "IBAN": (
        "My IBAN is {iban}.",
        "Please transfer it to {iban}.",
        "The account is {iban}, with the SWIFT code {swift}.",
        "For the refund use IBAN {iban}, the name is {name}.",
        "It's a European account, {iban}.",
        "The IBAN on the invoice reads {iban}.",
        "Send the money to this IBAN, {iban}, today please.",
        "Could you repeat the IBAN? Yes, {iban}.",
    ),
    "SWIFT_CODE": (
        "The SWIFT code is {swift}.",
        "The BIC of the bank is {swift}.",
        "You need the swift code, that is {swift}.",
        "SWIFT {swift}, IBAN {iban}.",
        "Our bank identifier code is {swift}.",
    ),
    "ROUTING_NUMBER": (
        "The routing number is {routing}.",
        "My routing number is {routing} and the account number is {account}.",
        "Routing {routing}.",
        "For direct deposit the ABA number is {routing}.",
        "The bank's routing number, hold on, it's {routing}.",
        "I have the routing number here, {routing}, it's a checking account.",
        "The ABA routing number on the check says {routing}.",
        "So that was routing number {routing}, correct?",
    ),
    "BANK_ACCOUNT_NUMBER": (
        "My account number is {account}.",
        "The checking account number is {account}.",
        "Please take it from my savings account, {account}.",
        "Account number {account}, routing number {routing}.",
        "The bank account is {account}.",
        "I want to close account number {account}.",
    ),
    "PERSON_NAME": (
        "My name is {name}.",
        "Hi, this is {name}, I'm calling about my bill.",
        "I'm {name} from accounting.",
        "Could I speak to {name} please?",
        "{name} said she would call back.",
        "I talked to {first} yesterday and nothing happened.",
        "Mr. {surname} is on the other line.",
        "Thanks, {first}, I'll do that.",
        "The account is under the name {name}.",
        "Please send it to Mrs. {surname} in sales.",
        "You're speaking with {first}, how can I help?",
        "We agreed with {name} and {name} that it ships next week.",
        "My husband {first} has the contract.",
        "Dr. {name} will see you at {time}.",
        "Is {first} there?",
        "First name {first}, last name {surname}.",
    ),
    "EMAIL_ADDRESS": (
        "My email is {email}.",
        "You can reach me at {email}.",
        "Send it to {email} please.",
        "The email address is {email}.",
        "It's {email}, all lower case.",
        "Please write to {email} and copy {email}.",
        "I never got the mail, are you sure you sent it to {email}?",
        "Could you change my email to {email}?",
        "Okay, {email}.",
        "{email} is the best way to contact me.",
        "My name is {name} and my email address is {email}.",
    ),
    "AGE": (
        "I am {age} years old.",
        "My father is {age} and still drives.",
        "She's a {age} year old patient.",
        "He turned {age} last month.",
        "The insured person is aged {age}.",
        "I'm {age}, my wife is {age}.",
        "At the age of {age} he moved to another state.",
    ),
    "PHONE_NUMBER": (
        "My phone number is {phone}.",
        "Call me back at {phone}.",
        "You can reach me on my cell, {phone}.",
        "The number is {phone}.",
        "It's {phone}.",
        "My mobile is {phone} and my email is {email}.",
        "Please text {phone} when you are there.",
        "I'm calling from {phone}, in case we get cut off.",
        "The best callback number would be {phone} after five.",
        "Is {phone} still your number?",
        "Her office number is {phone}, ask for {first}.",
    ),
    "ADDRESS": (
        "I live at {address}.",
        "My address is {address}.",
        "Please ship it to {address}.",
        "The billing address is {address}.",
        "We moved to {address} last spring.",
        "Send the technician to {address}, please.",
        "The house is at {address}.",
        "Home address {address}, phone {phone}.",
    ),
    "DATE_OF_BIRTH": (
        "My date of birth is {birth}.",
        "I was born on {birth}.",
        "Date of birth {birth}.",
        "My birthday is {birth}.",
        "DOB is {birth} and the last name is {surname}.",
        "She was born {birth}.",
        "Can you verify your date of birth? {birth}.",
    ),
    "SSN": (
        "My social security number is {ssn}.",
        "My social is {ssn}.",
        "The SSN is {ssn}.",
        "Social security number? Yes, {ssn}.",
        "For the application my social security number is {ssn}, and I was born on {birth}.",
        "It's {ssn}, that's my social.",
        "I'll give you my social, {ssn}.",
        "The last one was wrong, the right social security number is {ssn}.",
    ),
    "PASSPORT_NUMBER": (
        "My passport number is {passport}.",
        "The passport is {passport}, issued on {date}.",
        "Passport number {passport}.",
        "It says {passport} in my passport.",
        "I'm travelling with passport {passport}.",
    ),
    "DRIVERS_LICENSE": (
        "My driver's license number is {licence}.",
        "The license number is {licence}.",
        "Driver's license {licence}, issued in Ohio.",
        "My driver license is {licence}.",
        "The number on my driving licence is {licence}.",
    ),
    "DATE": (
        "The appointment is on {date}.",
        "We ordered it on {date}.",
        "Let's meet {date} at {time}.",
        "The contract ends on {date}.",
        "It was delivered {date}, not before.",
        "Between {date} and {date} nobody called.",
    ),
    "DOMAIN_NAME": (
        "Our website is {domain}.",
        "Go to {domain} and log in.",
        "You find it at {domain}.",
        "I bought it on {domain} last week.",
        "We own the domain {domain}.",
        "Visit {domain} for details.",
    ),
    "IP_ADDRESS": (
        "The IP address is {ip}.",
        "The server answers at {ip}.",
        "Ping {ip} please.",
        "My router has {ip}.",
        "I can't connect to {ip} from the office.",
        "The firewall blocks {ip} and {ip}.",
        "Set the gateway to {ip}.",
        "Requests come from the IP {ip}.",
    ),
}

HARMLESS: tuple[str, ...] = (
    "My order number is {order}.",
    "The invoice number {order} was for {price}.",
    "The tracking number is {order}, it says it was delivered.",
    "I was charged {price} instead of {price}.",
    "We sold {quantity} units in {year} and {quantity} the year before.",
    "Revenue went up by {percent} since {year}.",
    "Let's meet at {time} in {room}.",
    "We upgraded from version {version} to version {version}.",
    "I drive a {brand} from {year}.",
    "The flight to {place} leaves at {time}.",
    "We will meet in {place} next week.",
    "He may call you later, or she will.",
    "You will get an email as soon as it ships.",
    "Mark this ticket as done, please.",
    "There is a grace period of {few} days.",
    "In April and in May we were closed.",
    "I looked at the dot on the screen and it was red.",
    "Meet me at the corner, I'm at the store now.",
    "The case number is {order}, please note it.",
    "I have one question and two remarks, three at most.",
    "One of the two printers has been broken for four or five days.",
    "It costs {price} for one, or {price} for ten.",
    "The room is {quantity} square feet and the rent is {price}.",
    "Please hold for one or two minutes.",
    "I bought it at {brand} in {place}.",
    "Can you send me the email again, it never arrived.",
    "Is my card declined because of the limit of {price}?",
    "I forgot my PIN and my password.",
    "Where do I find the routing number on a check?",
    "What is an IBAN, do I need one?",
    "My phone is broken, I need a new one.",
    "The passport office opens at {time}.",
    "Do you need my social security number for that?",
    "Ticket {order} is still open.",
    "Between {year} and {year} the rates doubled, then tripled.",
    "We had {quantity} calls and {quantity} chats, {percent} more than planned.",
    "The score was twenty to fourteen at the half.",
    "Press one for sales, two for support, or zero for an operator.",
    "Call me back when you can.",
    "Our address book has {quantity} entries.",
    "I've been a customer for {few} months.",
    "The roof is {few} years old.",
    "We have worked together for {few} years.",
    "The file is called invoice.pdf, I think.",
    "Our platinum card costs {price} a year.",
    "The battery is at {percent} and it's only {time}.",
    "The part number is {order} and we need {quantity} of them.",
    "It's a joy to work with you, frankly.",
    "Add {quantity} to the cart, the total is {price}.",
    "This is great news.",
    "I'm calling about a refund.",
    "This is about the invoice from last month.",
    "I'm not sure about that, sorry.",
    "My name was spelled wrong on the badge.",
)
