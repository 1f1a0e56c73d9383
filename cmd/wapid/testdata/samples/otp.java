import java.net.URI;
import java.net.http.*;
public class WapiOtp {
static final String BASE = "https://api.wapiconnect.cloud";
static final String API_KEY = System.getenv("WAPI_KEY");
static final HttpClient HTTP = HttpClient.newHttpClient();
static void sendOtp(String phone, String otp) throws Exception {
String json = String.format(
"{\"to\":\"%s\",\"header\":\"Verification Code\","
+ "\"message\":\"Your OTP is *%s*. Valid for 10 minutes.\","
+ "\"footer\":\"WapiConnect Security\"}", phone, otp);
var req = HttpRequest.newBuilder()
.uri(URI.create(BASE + "/api/whatsapp/session/main/send"))
.header("X-API-Key", API_KEY)
.header("Content-Type", "application/json")
.POST(HttpRequest.BodyPublishers.ofString(json))
.build();
HTTP.send(req, HttpResponse.BodyHandlers.ofString());
}
public static void main(String[] args) throws Exception {
String otp = String.format("%06d", (int)(Math.random() * 1000000));
sendOtp("919876543210", otp);
}
}
