package httpapi

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// maxEmail is how long an address may be, in bytes.
const maxEmail = 254

// Mail is one that the server sends, in plain text.
type Mail struct {
	To, Subject, Text string
}

// signUp lets people make accounts for themselves.
type signUp struct {
	server    *Server
	send      func(context.Context, Mail) error
	passwords *passwords
	logins    *attempts
	mails     *attempts
	errands   *errands
}

// newSignUp is nil where nobody sends mails.
func newSignUp(s *Server, send func(context.Context, Mail) error) *signUp {
	if send == nil {
		return nil
	}
	return &signUp{
		server: s, send: send, passwords: newPasswords(passwordCost()),
		logins: newAttempts(loginPaces()), mails: newAttempts(mailPaces()), errands: newErrands(s.log),
	}
}

func (u *signUp) close() {
	if u != nil {
		u.errands.close()
	}
}

type registerRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

type verifyRequest struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

type forgotRequest struct {
	Email string `json:"email"`
}

type resetPasswordRequest struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

// verifyResponse is the key of a new account, this once, and its login.
type verifyResponse struct {
	Success bool   `json:"success"`
	APIKey  string `json:"apiKey"`
	webSessionResponse
}

func (s *Server) signUpRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/dashboard/register", public: s.registerAccount},
		{method: http.MethodPost, path: "/dashboard/verify", public: s.verifyAccount},
		{method: http.MethodPost, path: "/dashboard/forgot", public: s.forgotPassword},
		{method: http.MethodPost, path: "/dashboard/reset", public: s.resetPassword},
	}
}

// signingUp returns CodeForbidden unless people may sign up, and the errors of
// checkOwnPage.
func (s *Server) signingUp(c *fiber.Ctx) error {
	if s.signUp == nil {
		return engine.Errorf(engine.CodeForbidden, "nobody can sign up here: whoever runs this server makes the accounts")
	}
	return s.checkOwnPage(c)
}

// registerAccount is POST /dashboard/register. What it answers, and how long that takes,
// is the same whether somebody has the address or not.
func (s *Server) registerAccount(c *fiber.Ctx) error {
	var req registerRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	r, err := req.parse()
	if err != nil {
		return err
	}
	if err := s.signingUp(c); err != nil {
		return err
	}
	if err := s.signUp.mails.take(s.clientAddress(c), r.Email, time.Now()); err != nil {
		return err
	}
	if r.Password, err = s.signUp.passwords.hash(c.UserContext(), req.Password); err != nil {
		return err
	}
	if err := s.signUp.errands.add(func(ctx context.Context) error { return s.signUp.invite(ctx, r) }); err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, successResponse{Success: true})
}

// parse checks everything. The password is still to be hashed. It returns CodeInvalid.
func (r registerRequest) parse() (to store.Registration, err error) {
	if to.Email, err = parseEmail(r.Email); err != nil {
		return to, err
	}
	if to.Name, err = engine.ParseTenantName(r.Name); err != nil {
		return to, err
	}
	return to, checkPassword(r.Password)
}

// confirm returns CodeUnauthorized unless the password is the registration's, and
// CodeLinkExpired and CodeRateLimited.
func (s *Server) confirm(c *fiber.Ctx, req verifyRequest) error {
	r, err := s.store.FindRegistration(c.UserContext(), req.Token)
	if err := s.once(c, err); err != nil {
		return err
	}
	if err := s.signUp.logins.take(s.clientAddress(c), r.Email, time.Now()); err != nil {
		return err
	}
	same, err := s.signUp.passwords.matches(c.UserContext(), req.Password, r.Password)
	if err == nil && !same {
		err = engine.Errorf(engine.CodeUnauthorized, "this is not the password that was chosen when this address was signed up")
	}
	return err
}

// parseEmail returns an address in lower case, or CodeInvalid. Its domain is one of the
// public DNS: a stranger must not have the mail server write to mailboxes of its own
// machine, or knock at addresses of its network.
func parseEmail(raw string) (string, error) {
	raw = strings.ToLower(strings.TrimSpace(raw))
	parsed, err := mail.ParseAddress(raw)
	if err != nil || parsed.Name != "" || parsed.Address != raw || len(raw) > maxEmail || !printsASCII(raw) || !reachable(raw) {
		return "", engine.Errorf(engine.CodeInvalid, "email must be an address such as me@example.com")
	}
	return raw, nil
}

// reachable tells whether an address can be anywhere in the world: not of a single word
// or an IP address, and without the old ways to name a further host before the @.
func reachable(email string) bool {
	at := strings.LastIndexByte(email, '@')
	local, domain := email[:max(at, 0)], email[at+1:]
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	return hostName.MatchString(domain) && last != "" && last != domain && last != "localhost" &&
		strings.Trim(last, "0123456789") != "" && !strings.ContainsAny(local, "%!")
}

func printsASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// verifyAccount is POST /dashboard/verify: the link of the mail was opened. Whoever does
// that gives the password again: somebody else may have registered the address, and
// would know the password of the account. It returns CodeLinkExpired and CodeUnauthorized.
func (s *Server) verifyAccount(c *fiber.Ctx) error {
	var req verifyRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Token == "" || req.Password == "" {
		return engine.Errorf(engine.CodeInvalid, "token and password are required")
	}
	if err := s.signingUp(c); err != nil {
		return err
	}
	if err := s.confirm(c, req); err != nil {
		return err
	}
	made, err := s.store.SignUp(c.UserContext(), requestID(c), req.Token)
	if err := s.once(c, err); err != nil {
		return err
	}
	if err := s.admit(c, made.Token); err != nil {
		return err
	}
	return answer(c, http.StatusCreated, verifyResponse{Success: true, APIKey: made.APIKey, webSessionResponse: describeWebSession(made.Login, made.Token)})
}

// forgotPassword is POST /dashboard/forgot. It answers as registerAccount does.
func (s *Server) forgotPassword(c *fiber.Ctx) error {
	var req forgotRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	email, err := parseEmail(req.Email)
	if err != nil {
		return err
	}
	if err := s.signingUp(c); err != nil {
		return err
	}
	if err := s.signUp.mails.take(s.clientAddress(c), email, time.Now()); err != nil {
		return err
	}
	if err := s.signUp.errands.add(func(ctx context.Context) error { return s.signUp.remind(ctx, email) }); err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, successResponse{Success: true})
}

// resetPassword is POST /dashboard/reset. It returns CodeLinkExpired.
func (s *Server) resetPassword(c *fiber.Ctx) error {
	var req resetPasswordRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Token == "" {
		return engine.Errorf(engine.CodeInvalid, "token is required")
	}
	if err := checkPassword(req.Password); err != nil {
		return err
	}
	if err := s.signingUp(c); err != nil {
		return err
	}
	// Each costs a hash, whatever the token.
	if err := s.signUp.logins.take(s.clientAddress(c), "", time.Now()); err != nil {
		return err
	}
	hash, err := s.signUp.passwords.hash(c.UserContext(), req.Password)
	if err != nil {
		return err
	}
	if err := orExpired(s.store.ResetPassword(c.UserContext(), requestID(c), req.Token, hash)); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// enterByPassword takes as long for an address that nobody has.
func (s *Server) enterByPassword(c *fiber.Ctx, email, password string) (w store.WebSession, token string, err error) {
	if email, err = parseEmail(email); err != nil {
		return w, "", err
	}
	if err := checkPassword(password); err != nil { // none is shorter
		return w, "", errPassword()
	}
	if err := s.signUp.logins.take(s.clientAddress(c), email, time.Now()); err != nil {
		return w, "", err
	}
	account, err := s.store.FindAccount(c.UserContext(), email)
	if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
		return w, "", err
	}
	same, err := s.signUp.passwords.matches(c.UserContext(), password, account.Password)
	if err == nil && !same {
		err = errPassword()
	}
	if err != nil {
		return w, "", err
	}
	return s.store.OpenAccountSession(c.UserContext(), account)
}

func errPassword() error {
	return engine.Errorf(engine.CodeUnauthorized, "the e-mail address or the password is not right")
}

// orExpired makes CodeLinkExpired of a token that was not found.
func orExpired(err error) error {
	if engine.CodeOf(err) == engine.CodeNotFound {
		return errLinkExpired()
	}
	return err
}
